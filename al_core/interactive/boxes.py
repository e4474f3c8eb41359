"""Boxes: the object lies within, and touches all four sides.

The prediction cut to the box, and GrabCut started from it, are two ways to read a box; the one whose own box is more
like the one drawn is taken. GrabCut is tried with more and less of the surroundings, in larger and smaller pictures.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadLabel
from al_core.interactive.closeup import Closeup, check, depth, window_of
from al_core.interactive.segmenters import grabcut
from al_core.masks.soft import Size, Window

SURROUNDINGS = ((0.25, 320), (0.5, 320), (1.0, 200))
"""Shares of the box's longer side around it from which the colours of the background are learnt, and the longest side
of the small picture in pixels; the likeliest outcome is taken."""

FILLED = 0.5
UNLIKE = 2.0
"""An object is taken to fill this share of its box: the square of what an outcome is off counts so much, against 1 for
its own box being the one drawn. Chosen on 29 of the objects that
:mod:`~al_core.interactive.proposals.mask_choice` was fitted to."""

LEAST_FIT = 0.5
ALL_AROUND = (100.0, 854)
"""Where no outcome's own box is that much like the one drawn, colours are learnt from all of the frame, as large as it
takes within a second; where that does not help either, as with objects of a few pixels, the ellipse in the box is
nearer to the object: on training clips made small, IoU .40 and .55 for .27 and .17 (two objects, and one)."""

LEAST_FILLED = 0.15
"""A prediction that fills less of the box says nothing of the object."""

CORE = 0.6
"""Pixels deeper in the prediction than this share of its greatest depth are surely the object's."""

SPECK = 0.05
"""Parts smaller than this share of the largest part do not count as the object's extent."""

PREFERRED = 0.05
"""How much less its box may fit for the prediction to be kept."""


def refine_with_box(image: NDArray[np.uint8], probability: NDArray[np.float32], box: Window) -> NDArray[np.bool_]:
    """Return the object that a box was drawn around, bool [h, w]; nothing outside the box is set.

    Args:
        image: RGB uint8 [h, w, 3].
        probability: current probability, float32 [h, w]; it may be zero everywhere.
        box: what lies outside the frame is cut off.

    Raises:
        BadLabel: no pixel of the frame lies in the box, or an image of another size.
    """
    size = check(image, probability)
    box = box_in_frame(box, size)
    cut = np.zeros(size, bool)
    cut[box.slices] = probability[box.slices] > 0.5
    known = np.count_nonzero(cut) >= LEAST_FILLED * (box.x1 - box.x0) * (box.y1 - box.y0)
    start = cut if known else None
    ways = (box_by_colour(image, start, box, margin, long_side) for margin, long_side in SURROUNDINGS)
    found = max(ways, key=lambda mask: _likelihood(mask, box))
    if _fit(found, box) < LEAST_FIT:
        found = max(found, box_by_colour(image, start, box, *ALL_AROUND), key=lambda mask: _likelihood(mask, box))
    if _fit(found, box) < LEAST_FIT:
        found = ellipse_in(box, size)
    return cut if known and _fit(cut, box) + PREFERRED >= _fit(found, box) else found


def box_in_frame(box: Window, size: Size) -> Window:
    """Return what of a box lies in a frame of (height, width) ``size``, in pixels.

    Raises:
        BadLabel: no pixel of the frame lies in the box.
    """
    clipped = box.clipped(size)
    if clipped.empty:
        raise BadLabel(
            f"a box holds at least one pixel of the frame of {size[1]}x{size[0]} pixels, got {tuple(clipped)}"
        )
    return clipped


def box_by_colour(
    image: NDArray[np.uint8], start: NDArray[np.bool_] | None, box: Window, margin: float, long_side: int
) -> NDArray[np.bool_]:
    """Run GrabCut within a box, from a mask or, where there is none, from the whole box."""
    size = (int(image.shape[0]), int(image.shape[1]))
    closeup = Closeup.around(box, size, margin, long_side)
    within = np.zeros(size, bool)
    within[box.slices] = True
    inside = closeup.values(within) > 0.5
    states = np.where(inside, cv2.GC_PR_FGD if start is None else cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
    if start is not None:
        likely = (closeup.values(start) > 0.5) & inside
        deep = depth(likely)
        states[likely] = cv2.GC_PR_FGD
        states[likely & (deep > CORE * deep.max(initial=0, where=np.isfinite(deep)))] = cv2.GC_FGD
    small = grabcut(closeup.image(image), states, iterations=4 if start is None else 2)
    found = np.zeros(size, bool)
    found[closeup.window.slices] = closeup.enlarged(small.astype(np.float32))
    kept = _without_specks(found & within)
    return kept if kept.any() else within


def ellipse_in(box: Window, size: Size) -> NDArray[np.bool_]:
    """Return the ellipse that touches all four sides of a box, bool [h, w]."""
    rows, columns = np.arange(size[0])[:, None], np.arange(size[1])
    down = (rows + 0.5 - (box.y0 + box.y1) / 2) / ((box.y1 - box.y0) / 2)
    right = (columns + 0.5 - (box.x0 + box.x1) / 2) / ((box.x1 - box.x0) / 2)
    return np.asarray(down**2 + right**2 <= 1, bool)


def _likelihood(mask: NDArray[np.bool_], box: Window) -> float:
    """Return how likely a mask is the object that a box was drawn around; more is likelier."""
    filled = float(mask[box.slices].mean())
    return _fit(mask, box) - UNLIKE * (filled - FILLED) ** 2


def _fit(mask: NDArray[np.bool_], box: Window) -> float:
    """Return the IoU of a mask's own box with a box, in [0, 1]."""
    own = window_of(_without_specks(mask))
    shared = Window(max(own.x0, box.x0), max(own.y0, box.y0), min(own.x1, box.x1), min(own.y1, box.y1))
    common = 0 if shared.empty else _area(shared)
    return common / (_area(own) + _area(box) - common)


def _area(window: Window) -> int:
    return (window.x1 - window.x0) * (window.y1 - window.y0)


def _without_specks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return np.asarray((areas >= max(1.0, SPECK * float(areas.max())))[parts], bool)
