"""Read single images: frames as RGB, masks as indices."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from al_core.errors import BadLabel, BadVideo

FRAME_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
MASK_SUFFIXES = (".png", ".bmp", ".gif", ".tif", ".tiff")

DEEP_BITS = 16
"""Bits of a value in a 16-bit image that uses all of them; cameras often fill 10 or 12."""

_DEPTHS = (8, 10, 12, 14)
_DEEP_SUFFIXES = (".png", ".tif", ".tiff")
_BITS_TAG = 258
_ORIENTATION_TAG = 0x0112
_TURNED_ORIENTATIONS = (5, 6, 7, 8)


def read_image(path: Path, bits: int = DEEP_BITS) -> NDArray[np.uint8]:
    """Read one frame as RGB, uint8 [height, width, 3], upright.

    Alpha is dropped, grey becomes RGB, the highest eight of the ``bits`` in use of a 16-bit image are taken (see
    :func:`bits_in_use`), EXIF orientation is applied.

    Raises:
        BadVideo: the file is not there or is no image.
    """
    if bits == DEEP_BITS:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    else:
        # OpenCV 4.12 mixes up the channels of 16-bit TIFF when it is asked for RGB.
        image = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        image = None if image is None else cv2.cvtColor(_eight_bits(image, bits), cv2.COLOR_BGR2RGB)
    if image is None:
        what = "cannot be read as an image" if path.is_file() else "there is no such file"
        raise BadVideo(f"{path}: {what}; expected 8 or 16 bits a value, in one of {', '.join(FRAME_SUFFIXES)}")
    return image.astype(np.uint8, copy=False)


def bits_in_use(files: Iterable[Path]) -> int:
    """Return how many bits the values of a video's 16-bit images need: 8, 10, 12, 14 or 16; 16 if it has none.

    10 and 12 bits of a camera often lie in the low bits of 16, and the high byte of those is black. Files that
    cannot be read count for nothing. One number for all images of a video keeps their brightness comparable.
    """
    largest = None
    for file in files:
        if file.suffix.lower() in _DEEP_SUFFIXES and _is_deep(file):
            image = cv2.imread(str(file), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
            if image is not None and image.dtype == np.uint16:
                largest = max(largest or 0, int(image.max()))
    if not largest:
        return DEEP_BITS
    return next((bits for bits in _DEPTHS if largest < 1 << bits), DEEP_BITS)


def _is_deep(file: Path) -> bool:
    """Tell from the head of a file whether it may hold 16 bits a value."""
    try:
        with Image.open(file) as image:
            stored = getattr(image, "tag_v2", {}).get(_BITS_TAG, (8,))
            return max(stored) > 8 or any("16" in str(tile.args) for tile in image.tile)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False


def _eight_bits(image: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    if image.dtype != np.uint16:
        return image.astype(np.uint8, copy=False)
    return np.minimum(image >> (bits - 8), 255).astype(np.uint8)


def check_image(path: Path) -> tuple[int, int]:
    """Decode an image whole, keeping nothing, and return its upright (height, width) in pixels.

    Raises:
        BadVideo: the file is no image or is cut short (OpenCV would fill the missing part with grey).
    """
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")
            width, height = image.size
            turned = image.getexif().get(_ORIENTATION_TAG) in _TURNED_ORIENTATIONS
            # At an eighth of the size every byte of a JPEG is still read, in half the time; others ignore it.
            image.draft(None, (max(1, width // 8), max(1, height // 8)))
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadVideo(f"{path}: cannot be read as an image ({_reason(error)}). Copy or download it again") from None
    return (width, height) if turned else (height, width)


def read_indices(path: Path) -> tuple[NDArray[np.integer], bool]:
    """Read the values of a mask image, shape [height, width].

    Palette images give palette indices, grey images grey values (8 or 16 bits), bilevel images 0 and 1.

    Returns:
        The values, and whether they are plain 8-bit grey, so that 255 may mean "white" rather than an index.

    Raises:
        BadLabel: the file is no image, is cut short, or holds colours instead of indices.
    """
    try:
        with Image.open(path) as image:
            mode = image.mode
            values = np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadLabel(f"{path}: cannot be read as a mask ({_reason(error)}). Copy or download it again") from None
    if values.ndim != 2 or values.dtype.kind not in "bui":
        raise BadLabel(
            f"{path}: expected an indexed or grey image whose values number the objects (0 is background), "
            f"got a {mode} image"
        )
    if values.dtype == bool:
        values = values.astype(np.uint8)
    return values, mode == "L"


def working_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Return (height, width) in pixels with the longer side at most ``long_side``; a frame is never enlarged."""
    scale = min(1.0, long_side / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def resized(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Bring an image, uint8 [h, w, 3], to (height, width) ``size`` by averages over areas; one of that size stays."""
    if image.shape[:2] == size:
        return image
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """Encode an RGB image, uint8 [h, w, 3], as PNG, exactly."""
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def _reason(error: Exception) -> str:
    return "it is no image" if isinstance(error, Image.UnidentifiedImageError) else str(error)
