"""What ``doctor`` tries out, each in a process of its own: a broken library may crash it, print, or hang.

``python -m tasks.project.probes '[[NAME, ARGUMENT], ...]'`` is not for people: it writes one JSON object per probe to
standard output, and nothing that the probed libraries print comes through.
"""

import io
import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

ENCODERS = ("libx264", "mpeg4")
"""What an overlay video can be written with, the best one first."""


def imports(module: str) -> str:
    """Check that a package can be imported; returns the version that it reports."""
    return str(getattr(import_module(module), "__version__", ""))


def mmcv_operators(_: str) -> str:
    """Check that non-maximum suppression keeps one of two equal boxes, on every kind of device that torch offers.

    Raises:
        RuntimeError: the operators load but do not work; the message says where.
    """
    import torch
    from mmcv.ops import nms

    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    for device in devices:
        boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 4.0]], device=device)
        _, kept = nms(boxes, torch.tensor([0.9, 0.8], device=device), 0.5)
        if kept.tolist() != [0]:
            raise RuntimeError(f"non-maximum suppression on {device} kept boxes {kept.tolist()}, expected [0]")
    return "work on " + " and ".join(devices)


def gpu(_: str) -> str:
    """Return which device a student trains on when its settings say ``auto``."""
    import torch

    if not torch.cuda.is_available():
        return "none seen; students train and predict on the CPU"
    free, total = torch.cuda.mem_get_info()
    name = torch.cuda.get_device_name()
    return f"{name}, {free / 2**30:.0f} of {total / 2**30:.0f} GiB free, CUDA {torch.version.cuda}"


def codecs(_: str) -> str:
    """Check that mp4 can be written and H.264 can be read, by encoding and decoding a video of two frames.

    Raises:
        RuntimeError: a codec is missing or does not give back what went in.
    """
    import av
    import numpy as np

    if "h264" not in av.codecs_available:
        raise RuntimeError("this build of PyAV has no H.264 decoder")
    encoder = next((name for name in ENCODERS if _encodes(name)), None)
    if encoder is None:
        raise RuntimeError(f"this build of PyAV has no mp4 encoder ({' or '.join(ENCODERS)})")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream(encoder, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for grey in (0, 255):
            image = av.VideoFrame.from_ndarray(np.full((64, 64, 3), grey, np.uint8), format="rgb24")
            output.mux(stream.encode(image))
        output.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as video:
        brightness = [frame.to_ndarray(format="gray").mean() for frame in video.decode(video=0)]
    if len(brightness) != 2 or not brightness[0] < 64 < 192 < brightness[1]:
        raise RuntimeError(f"{encoder} wrote a black and a white frame, brightness {brightness} came back")
    return f"H.264 is read, mp4 is written with {encoder}"


def ledger(path: str) -> str:
    """Check that a ledger can be read and has a schema that this version knows; the file is not changed.

    Raises:
        LedgerCorrupt: it is no ledger. NewerLedger: a later fewframes made it.
    """
    import duckdb

    from al_core.errors import LedgerCorrupt
    from al_core.ledger.file.schema import NEWEST, schema_of
    from al_core.ledger.file.upgrade import newer

    try:
        with duckdb.connect(path, read_only=True) as connection:
            found = schema_of(connection)
            (rounds,) = connection.execute("SELECT count(*) FROM round").fetchall()[0]
    except duckdb.IOException as error:
        if "lock" in str(error):
            return f"{path}, in use by another process just now"
        raise LedgerCorrupt(f"{path} cannot be opened as a ledger ({error})") from None
    except duckdb.Error as error:
        raise LedgerCorrupt(f"{path} is not a ledger ({error})") from None
    if found.version > NEWEST:
        raise newer(Path(path), found)
    grows = f", which grows to {NEWEST} when it is next written to; a copy is kept" if found.version < NEWEST else ""
    return f"{path}, schema version {found.version}{grows}, {rounds} round{'' if rounds == 1 else 's'}"


PROBES: dict[str, Callable[[str], str]] = {
    "imports": imports,
    "mmcv_operators": mmcv_operators,
    "gpu": gpu,
    "codecs": codecs,
    "ledger": ledger,
}
"""Name -> a function of one argument that returns what it saw, or raises what is wrong."""


def _encodes(codec: str) -> bool:
    import av

    try:
        return av.codec.Codec(codec, "w").is_encoder
    except av.codec.codec.UnknownCodecError:
        return False


def main(probes: list[tuple[str, str]]) -> None:
    """Run probes in order; a probe that ends the process leaves the later ones unanswered."""
    answers = os.fdopen(os.dup(1), "w")
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    for name, argument in probes:
        try:
            answer = {"ok": True, "detail": PROBES[name](argument)}
        except BaseException as error:
            answer = {"ok": False, "detail": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main([(name, argument) for name, argument in json.loads(sys.argv[1])])
