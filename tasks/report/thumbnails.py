"""Small pictures of frames with their masks drawn, as data URIs."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadVideo
from al_core.export.drawing import draw_masks
from al_core.export.palette import PROVENANCE_COLOURS, track_colour
from al_core.masks import rle
from al_core.masks.rle import Rle
from al_core.records import DeliveredMask, FrameLabel, FrameRef, Provenance
from al_core.stores.frames import FrameStore

THUMBNAIL_SIDE = 360
"""Longer side of a picture in pixels; it is shown at two thirds of that."""

FULL_SIDE = 1280
"""Longest side of a picture that is looked at closely."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is drawn into a frame.

    Attributes:
        masks: (track, mask).
        provenance: of the least trusted mask, or "" where there is none.
        confidence: of the least confident mask, None for people's masks and where there is none.
    """

    masks: tuple[tuple[int, Rle], ...] = ()
    provenance: str = ""
    confidence: float | None = None


def shown_masks(
    frame_idx: int,
    labels: Mapping[int, FrameLabel],
    delivered: Mapping[int, Sequence[DeliveredMask]],
) -> Shown:
    """Return a person's label where there is one, otherwise what was delivered."""
    if frame_idx in labels:
        return Shown(tuple((m.track_id, m.rle) for m in labels[frame_idx].objects), Provenance.HUMAN.value)
    found = delivered.get(frame_idx, ())
    if not found:
        return Shown()
    weakest = max((m.provenance.value for m in found), key=list(PROVENANCE_COLOURS).index)
    return Shown(tuple((m.track_id, m.rle) for m in found), weakest, min(m.confidence for m in found))


def picture(frames: FrameStore, frame: FrameRef, shown: Shown) -> str | None:
    """Draw a frame with outlines by object, as a JPEG data URI; None when the frame cannot be read any more."""
    try:
        image = frames.read(frame)
    except BadVideo:
        return None
    return _drawn(image, THUMBNAIL_SIDE / max(image.shape[:2]), shown)


def full_picture(frames: FrameStore, frame: FrameRef, shown: Shown) -> str | None:
    """Draw the same from the frame as it is stored, at most ``FULL_SIDE`` pixels long."""
    try:
        image = frames.read_full(frame)
    except BadVideo:
        return None
    return _drawn(image, min(1.0, FULL_SIDE / max(image.shape[:2])), shown)


def _drawn(image: NDArray[np.uint8], scale: float, shown: Shown) -> str:
    small = _resized(image, scale)
    masks = [(resized_mask(rle.decode(mask), small.shape), track_colour(track)) for track, mask in shown.masks]
    return data_uri(draw_masks(small, masks, opacity=0.22, line=2))


def data_uri(image: NDArray[np.uint8]) -> str:
    """Return an RGB image of shape [h, w, 3] as a JPEG data URI."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _resized(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    import cv2

    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), np.uint8)


def resized_mask(mask: NDArray[np.bool_], shape: Sequence[int]) -> NDArray[np.bool_]:
    """Return a mask of another size (height, width, ...): what it covers at least half of."""
    import cv2

    share = cv2.resize(mask.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(share >= 0.5)
