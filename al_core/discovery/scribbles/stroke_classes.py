"""What people's strokes, masks and empty frames say of the pixels of a frame."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.discovery.given import Given, GivenFrame, Hint, Size
from al_core.discovery.scribbles.crops import UNKNOWN, Classes
from al_core.errors import BadLabel, NotReady
from al_core.masks.rle import decode
from al_core.masks.soft import shrink
from al_core.records import MaskLabel

FAR = 0.06
"""Pixels of a frame of which all is said are background where they are farther from every mask, as a share of the
longer side: people take a mask that a stroke came to although its outline is not exact."""


def class_numbers(given: Given) -> dict[int, int]:
    """Return the class of each category of which there is a stroke or a mask: category -> 1, 2, ..."""
    hints = (Hint.SCRIBBLES, Hint.MASKS)
    seen = {mask.category_id for frame in given for hint in hints for mask in frame.objects(hint)}
    return {category: number for number, category in enumerate(sorted(seen), start=1)}


def classes_of(frame: GivenFrame, numbers: Mapping[int, int], size: Size) -> Classes:
    """Return the class of each pixel, int8 [h, w]; -1 where nothing is said.

    A stroke through an object has its category, one through what does not belong to it is background where no other
    object is. Masks that somebody drew are taken as they are. Of a frame of which all is said, what lies far from all
    masks is background.
    """
    classes: Classes = np.full(size, UNKNOWN, np.int8)
    covered, drawn = _union(frame.label.masks, size), frame.masks(size)
    if frame.label.complete:
        exact = len(drawn) == len(frame.label.objects)
        classes[~covered if exact else _far_from(covered)] = 0
        classes[_union([mask for mask in frame.label.masks if mask.ignore], size)] = UNKNOWN
    for track, mask in drawn.items():
        classes[mask] = numbers[frame.categories[track]]
    strokes = frame.strokes(size)
    for stroke in (one for one in strokes if not one.adds):
        others = [mask for mask in frame.label.objects if mask.track_id != stroke.track_id]
        classes[along(stroke.points, size) & ~_union(others, size)] = 0
    for stroke in (one for one in strokes if one.adds and frame.categories.get(one.track_id) in numbers):
        classes[along(stroke.points, size)] = numbers[frame.categories[stroke.track_id]]
    return classes


def check_classes(said: Sequence[Classes], strokes: int) -> None:
    """Refuse what teaches nothing: no stroke in a frame, or nothing that tells what is background.

    Args:
        said: of all frames.
        strokes: through objects, wherever they lie.

    Raises:
        BadLabel: all strokes lie outside their frames. NotReady: there is no stroke, or no background.
    """
    if not strokes:
        raise NotReady(
            "discovery by 'scribbles' starts from strokes through objects, and no answer has one; "
            "draw some with the page's scribble tool (shift and B)"
        )
    if not any((classes > 0).any() for classes in said):
        raise BadLabel(
            f"discovery by 'scribbles' starts from strokes through objects, and all {strokes} lie outside "
            "their frames; draw them again on the page"
        )
    if not any((classes == 0).any() for classes in said):
        raise NotReady(
            "discovery by 'scribbles' must know what is background, and nothing says so; draw a stroke through what "
            "belongs to no object, or answer a frame completely"
        )


def along(points: NDArray[np.float32], size: Size) -> NDArray[np.bool_]:
    """Return the pixels along a line of points (x, y), float32 [n, 2], bool [h, w]."""
    painted = np.zeros(size, np.uint8)
    # However far outside a point lies, it fits OpenCV's numbers.
    corners = np.floor(np.clip(points, -4 * max(size), 4 * max(size))).astype(np.int32)
    # OpenCV draws no line of one point.
    cv2.polylines(painted, [np.repeat(corners, 2, axis=0).reshape(-1, 1, 2)], False, 1)
    return painted > 0


def _far_from(covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if not covered.any():
        return ~covered
    away = cv2.distanceTransform((~covered).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(away > FAR * max(covered.shape))


def _union(masks: Sequence[MaskLabel], size: Size) -> NDArray[np.bool_]:
    """Return the pixels that any of some masks touches."""
    whole = np.zeros(size, bool)
    for mask in masks:
        patch = shrink(decode(mask.rle), size)
        whole[patch.window.slices] |= patch.values > 0
    return whole
