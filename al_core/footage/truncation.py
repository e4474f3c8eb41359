"""How long a video file says it is: a file that was cut short in copying still opens, with frames missing.

Only the outermost headers are read. Sources: ISO/IEC 14496-12 section 4.2 (mp4, mov), the AVI RIFF file
reference (avi), RFC 8794 section 4 (mkv, webm).
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO

_EBML = b"\x1a\x45\xdf\xa3"
_RIFF_PLACEHOLDERS = (0, 0x7FFFFFFF, 0xFFFFFFFF)


def promised_size(path: Path) -> int | None:
    """Return how many bytes the file's own headers promise; None where the format does not say.

    A whole file has at least this size.
    """
    with path.open("rb") as file:
        start = file.read(12)
        if start[:4] == _EBML:
            return _matroska_end(file)
        if start[:4] == b"RIFF" and start[8:12] == b"AVI ":
            return _riff_end(file)
        if start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            return _boxes_end(file)
    return None


def _boxes_end(file: BinaryIO) -> int | None:
    end, total = 0, os.fstat(file.fileno()).st_size
    while end + 8 <= total:
        file.seek(end)
        size, kind = struct.unpack(">I4s", file.read(8))
        if size == 1:
            size = int.from_bytes(file.read(8), "big")
        # Size 0 means "to the end of the file"; anything else that is no box is padding after the last one.
        if size < 8 or not kind.isalnum():
            return end
        end += size
    return end


def _riff_end(file: BinaryIO) -> int | None:
    end, total = 0, os.fstat(file.fileno()).st_size
    while end + 8 <= total:
        file.seek(end)
        kind, size = struct.unpack("<4sI", file.read(8))
        if kind != b"RIFF" or size in _RIFF_PLACEHOLDERS:
            return end or None
        end += 8 + size + size % 2
    return end


def _matroska_end(file: BinaryIO) -> int | None:
    """Return the end of the segment behind the EBML header; a recording that was never closed has no size."""
    end = 0
    for _ in range(2):
        file.seek(end)
        _read_number(file, keep_marker=True)
        size = _read_number(file, keep_marker=False)
        if size is None:
            return None
        end = file.tell() + size
    return end


def _read_number(file: BinaryIO, keep_marker: bool) -> int | None:
    """Read an integer whose first byte counts the bytes that follow by its leading zeros; None = unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(length - 1), "big")
    if keep_marker:
        return value
    value &= (1 << 7 * length) - 1
    return None if value == (1 << 7 * length) - 1 else value
