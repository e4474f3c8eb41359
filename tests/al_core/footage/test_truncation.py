import struct

import pytest

from al_core.footage.truncation import promised_size


def box(kind, size, content=b""):
    return struct.pack(">I4s", size, kind) + content


@pytest.mark.parametrize(
    ("content", "promised"),
    [
        (box(b"ftyp", 16, bytes(8)) + box(b"mdat", 100, bytes(10)), 116),
        (box(b"ftyp", 16, bytes(8)) + box(b"mdat", 1, (1 << 33).to_bytes(8, "big")), 16 + (1 << 33)),
        (box(b"ftyp", 16, bytes(8)) + box(b"mdat", 0, bytes(50)), 16),
        (box(b"ftyp", 16, bytes(8)) + bytes(40), 16),
        (b"RIFF" + struct.pack("<I", 101) + b"AVI " + bytes(10), 110),
        (
            b"RIFF" + struct.pack("<I", 12) + b"AVI " + bytes(8) + b"RIFF" + struct.pack("<I", 90) + b"AVIX",
            118,
        ),
        (b"RIFF" + bytes(4) + b"AVI " + bytes(10), None),
        (b"\x1a\x45\xdf\xa3\x84" + bytes(4) + b"\x18\x53\x80\x67\x40\x64" + bytes(20), 15 + 100),
        (b"\x1a\x45\xdf\xa3\x84" + bytes(4) + b"\x18\x53\x80\x67\x01" + b"\xff" * 7 + bytes(20), None),
        (b"\x1a\x45\xdf\xa3", None),
        (b"no container that is known", None),
        (b"", None),
    ],
)
def test_headers_are_taken_at_their_word(tmp_path, content, promised):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert promised_size(path) == promised
