"""Clips whose frames tell their own number: frame i is one flat grey of value 10 + 20 i."""

import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

FRAMES = 12


def grey(number):
    return 10 + 20 * number


def number_of(image):
    """The frame number that a flat grey image shows; coding moves the grey by a few levels."""
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.dtype == np.uint8
    return round((float(image.mean()) - 10) / 20)


def write_clip(
    path: Path,
    n_frames: int = FRAMES,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = (48, 64),
    rate: Fraction | int = 25,
    pts: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    images: Iterable[np.ndarray] | None = None,
) -> Path:
    """A video of flat greys; ``pts`` in ticks of 1 / rate, ``size`` = (height, width)."""
    if images is None:
        images = [np.full((*size, 3), grey(i % FRAMES), np.uint8) for i in range(n_frames)]
    with av.open(str(path), "w", options=container or {}) as output:
        stream = output.add_stream(codec, rate=rate)
        stream.height, stream.width = size
        stream.pix_fmt = pix_fmt
        stream.options = options or {}
        stream.codec_context.time_base = 1 / Fraction(rate)
        for i, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = i if pts is None else pts[i]
            frame.time_base = 1 / Fraction(rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def write_frames(folder: Path, numbers: Iterable[int] = range(FRAMES), size=(6, 8), suffix=".png") -> Path:
    """A folder of flat greys, named by number; the n-th file shows n, and 0 again after ``FRAMES``."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, number in enumerate(numbers):
        cv2.imwrite(str(folder / f"{number:05d}{suffix}"), np.full((*size, 3), grey(i % FRAMES), np.uint8))
    return folder


def write_mask(path: Path, values: object, mode: str = "P") -> Path:
    """An indexed ("P") or grey ("L") mask of the values given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(values, np.uint8), mode="L")
    if mode == "P":
        image = Image.frombytes("P", image.size, image.tobytes())
        image.putpalette([channel for index in range(256) for channel in (index, 0, 255 - index)])
    image.save(path)
    return path


def turn(path: Path, degrees: int) -> Path:
    """Write into an mp4's track header that it is to be shown turned clockwise."""
    a, b, c, d = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    one = 1 << 16
    upright = struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    content = path.read_bytes()
    track = content.index(b"tkhd")
    place = content.index(upright, track)
    path.write_bytes(content[:place] + turned + content[place + len(turned) :])
    return path
