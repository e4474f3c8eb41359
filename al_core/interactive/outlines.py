"""Coarse outlines: a polygon's edge is moved to where the picture and the prediction have one.

GrabCut decides within a band along the outline; what is deeper inside or farther outside stays. Where the prediction is
much like the outline, each pixel goes with the majority of outline, GrabCut and prediction.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadLabel
from al_core.interactive.closeup import Closeup, check, depth, window_of
from al_core.interactive.segmenters import grabcut
from al_core.masks.soft import Size

LONG_SIDE = 224
MARGIN = 0.2
BAND = 0.12
"""Half the band's width, as a share of the object's radius (of the disk of the same area)."""

ALIKE = 0.6
"""IoU of prediction and outline from which on the prediction has a say."""

Polygon = NDArray[np.int64]
"""Vertices (x, y), int [n, 2], n at least 3; the vertices and the lines between them belong to the object."""


def filled(size: Size, polygons: Sequence[Polygon]) -> NDArray[np.bool_]:
    """Return the pixels in any of some polygons, bool [h, w].

    Raises:
        BadLabel: a polygon with fewer than three vertices.
    """
    mask = np.zeros(size, np.uint8)
    for polygon in polygons:
        if polygon.ndim != 2 or polygon.shape[1] != 2 or len(polygon) < 3:
            raise BadLabel(f"a polygon has at least three vertices, shape [n, 2], got {list(polygon.shape)}")
        cv2.fillPoly(mask, [polygon.astype(np.int32)], 1)
    return mask.astype(bool)


def refine_with_outline(
    image: NDArray[np.uint8], probability: NDArray[np.float32], outline: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return a coarsely drawn mask with its outline where it belongs, bool [h, w].

    Args:
        image: RGB uint8 [h, w, 3].
        probability: current probability, float32 [h, w]; it may be zero everywhere.
        outline: the mask as drawn, bool [h, w], such as :func:`filled` gives.

    Raises:
        BadLabel: an image or outline of another size.
    """
    size = check(image, probability)
    check(image, outline)
    if not outline.any():
        return outline.copy()
    found = _by_colour(image, outline, size)
    predicted = probability > 0.5
    alike = np.count_nonzero(predicted & outline) >= ALIKE * np.count_nonzero(predicted | outline)
    if alike:
        found = (found & outline) | (found & predicted) | (outline & predicted)
    return found if found.any() else outline.copy()


def _by_colour(image: NDArray[np.uint8], outline: NDArray[np.bool_], size: Size) -> NDArray[np.bool_]:
    """Run GrabCut within the band."""
    closeup = Closeup.around(window_of(outline), size, MARGIN, LONG_SIDE)
    inside = closeup.values(outline) > 0.5
    radius = np.sqrt(np.count_nonzero(inside) / np.pi)
    band = np.where(inside, depth(inside), depth(~inside)) <= BAND * radius
    states = np.where(inside, cv2.GC_FGD, cv2.GC_BGD).astype(np.uint8)
    states[band] = np.where(inside[band], cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    found = closeup.enlarged(grabcut(closeup.image(image), states, iterations=2).astype(np.float32))
    undecided = closeup.enlarged(band.astype(np.float32))
    refined = outline.copy()
    refined[closeup.window.slices][undecided] = found[undecided]
    return refined
