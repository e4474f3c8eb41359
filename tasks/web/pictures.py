"""Pictures for the labelling page: frames, and where the teachers disagree."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.footage.images import resized, working_size
from al_core.records import FrameRef
from al_core.stores.frames import FrameStore
from al_core.stores.predictions import read_predictions

_JPEG_QUALITY = 95
_OBJECT_SIDE = 96
_OBJECT_MARGIN = 0.2
"""Pixels of a picture of an object, and what is shown around it, of the object's longer side."""
_STRONGEST = 190
"""Opacity of full disagreement, of 255."""


def frame_at(store: FrameStore, full: NDArray[np.uint8] | None, frame: FrameRef, long_side: int) -> NDArray[np.uint8]:
    """Return a frame with its longer side at most ``long_side`` pixels, RGB uint8 [h, w, 3].

    Args:
        full: the frame at full resolution, None to start from the working size, which is read faster.
    """
    image = store.read(frame) if full is None else full
    return resized(image, working_size(image.shape[0], image.shape[1], long_side))


def encoded(image: NDArray[np.uint8], kind: str) -> bytes:
    """Encode an RGB or RGBA picture as a file.

    Args:
        kind: "jpg", or "png" for the exact pixels.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if kind == "jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    order = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    return cv2.imencode(f".{kind}", cv2.cvtColor(image, order), options)[1].tobytes()


def picture_of(
    image: NDArray[np.uint8], box: tuple[float, float, float, float], long_side: int = _OBJECT_SIDE
) -> NDArray[np.uint8]:
    """Cut an object out of a frame with a little around it, and make it small.

    Args:
        image: RGB uint8 [h, w, 3].
        box: (x, y, width, height) of the object in pixels.

    Returns:
        RGB uint8 whose longer side has at most ``long_side`` pixels, and each at least one.
    """
    x, y, width, height = box
    margin = round(_OBJECT_MARGIN * max(width, height)) + 1
    top, left = max(0, int(y) - margin), max(0, int(x) - margin)
    cut = image[top : int(y + height) + margin, left : int(x + width) + margin]
    scale = min(1.0, long_side / max(cut.shape[:2]))
    size = max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale))
    return np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_AREA), np.uint8)


def disagreement(path: Path, frame_idx: int) -> NDArray[np.float32] | None:
    """Return where teachers disagree in a frame, float32 [h, w] in [0, 1] at working size; None without predictions.

    It is the largest over the objects of 4 p (1 - p), where p is the mean of the teachers' masks: 1 where half of them
    say yes. An object that some of them miss is doubtful as a whole.
    """
    predicted = next(read_predictions(path, [frame_idx]), None)
    found: NDArray[np.float32] | None = None
    for seen in predicted.objects if predicted is not None else ():
        p = seen.soft_mask.full()
        doubt = np.maximum(4 * p * (1 - p), np.float32(seen.existence_disagreement) * p)
        found = doubt if found is None else np.maximum(found, doubt)
    return found


def heat_map(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Colour values in [0, 1] to lay over a frame, RGBA uint8 [h, w, 4]; transparent where they are 0.

    Args:
        size: (height, width) of the frame.
    """
    large = np.clip(cv2.resize(values, size[::-1], interpolation=cv2.INTER_LINEAR), 0, 1)
    colours = cv2.applyColorMap(np.rint(large * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    rgba = cv2.cvtColor(colours, cv2.COLOR_BGR2RGBA)
    rgba[..., 3] = np.rint(large * _STRONGEST)
    return np.asarray(rgba, np.uint8)
