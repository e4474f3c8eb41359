"""What a lead shows to people who label: example pictures and the guide, as files that are read and checked."""

from pathlib import Path

import cv2
import numpy as np

from al_core.errors import BadSettings
from al_core.files import is_printable

LONG_SIDE = 512
"""Pixels of the longer side of an example picture, at most."""

LARGEST_PICTURE = 32 * 1024 * 1024
LONGEST_GUIDE = 100_000


def example_picture(path: Path) -> bytes:
    """Read a picture, make it small, and return it as a JPEG file.

    Raises:
        BadSettings: there is no such file, or it is no picture.
    """
    data = _read(path, LARGEST_PICTURE)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise BadSettings(f"{path}: expected a picture (JPEG, PNG, ...), this cannot be read as one")
    height, width = image.shape[:2]
    scale = min(1.0, LONG_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, (cv2.IMWRITE_JPEG_QUALITY, 85))[1].tobytes()


def guide_text(path: Path) -> str:
    """Read the text of a guide.

    Raises:
        BadSettings: there is no such file, or it is no text in UTF-8, or empty or too long.
    """
    try:
        text = _read(path, 4 * LONGEST_GUIDE).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadSettings(f"{path}: expected a text in UTF-8 ({error})") from None
    if not text.strip() or "\0" in text:
        raise BadSettings(f"{path}: expected a text for people to read, this is empty or no text")
    if len(text) > LONGEST_GUIDE:
        raise BadSettings(f"{path}: a guide has at most {LONGEST_GUIDE:,} letters, got {len(text):,}")
    return text


def _read(path: Path, most: int) -> bytes:
    if not is_printable(path) or not path.is_file():
        raise BadSettings(f"{path}: there is no such file")
    size = path.stat().st_size
    if size > most:
        raise BadSettings(f"{path}: has {size:,} bytes, at most {most:,} are read")
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadSettings(f"{path}: cannot be read ({error.strerror})") from None
