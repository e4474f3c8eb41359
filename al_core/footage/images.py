"""Read single images: frames as RGB, masks as indices."""

import warnings
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from al_core.errors import BadLabel, BadVideo

FRAME_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
MASK_SUFFIXES = (".png", ".bmp", ".gif", ".tif", ".tiff")

_ORIENTATION_TAG = 0x0112
_TURNED_ORIENTATIONS = (5, 6, 7, 8)


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read one frame as RGB, uint8 [height, width, 3], upright.

    Alpha is dropped, grey becomes RGB, the high byte of a 16-bit image is taken, EXIF orientation is applied.

    Raises:
        BadVideo: the file is not there or is no image.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        what = "cannot be read as an image" if path.is_file() else "there is no such file"
        raise BadVideo(f"{path}: {what}; expected one of {', '.join(FRAME_SUFFIXES)}")
    return image.astype(np.uint8, copy=False)


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
