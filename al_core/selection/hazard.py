"""How much a carried mask is likely to lose from each frame to the next, from the flow around the object.

Two things go with the loss (measured on 14 clips, see :mod:`al_core.selection.error_model`): the share of the object's
surroundings where going to the next frame and back does not end where it began, because something was covered or
uncovered there, and the motion in units of the object's size.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.propagation.flow import leads_back
from al_core.stores.optical_flow import ClipFlow

UNKNOWN = 0.5
"""Hazard of a transition in a video of which no mask is known."""

SURROUNDINGS = 4
"""Pixels around the object that count."""

SMALLEST_SIDE = 5.0
"""Pixels; motion is not compared with smaller objects than this."""

ObjectMask = Callable[[int], NDArray[np.bool_] | None]
"""The pixels of all objects of a frame, bool at the size of the flow; None where nothing is known or to be seen."""


def hazards(flow: ClipFlow, n_frames: int, mask: ObjectMask, objects: float = 1.0) -> NDArray[np.float64]:
    """Measure the hazard of each transition, float64 [n_frames - 1].

    A transition without a mask has the median of the others.

    Args:
        objects: how many share a mask, on average.
    """
    found = np.full(n_frames - 1, np.nan)
    for i in range(n_frames - 1):
        here = mask(i)
        if here is not None and here.any():
            found[i] = _hazard(flow, i, here, objects)
    known = found[~np.isnan(found)]
    return np.where(np.isnan(found), np.median(known) if len(known) else UNKNOWN, found)


def _hazard(flow: ClipFlow, frame_idx: int, mask: NDArray[np.bool_], objects: float) -> float:
    forth, back = flow.pair(frame_idx)
    x, y, w, h = cv2.boundingRect(mask.view(np.uint8))
    top, left = max(y - SURROUNDINGS, 0), max(x - SURROUNDINGS, 0)
    part = slice(top, y + h + SURROUNDINGS), slice(left, x + w + SURROUNDINGS)
    near = np.ones((2 * SURROUNDINGS + 1,) * 2, np.uint8)
    around = cv2.dilate(mask[part].view(np.uint8), near) > 0
    lost = 1 - float(leads_back(forth, back)[part][around].mean())
    motion = float(np.linalg.norm(forth[part][around], axis=1).mean())
    side = max(np.sqrt(np.count_nonzero(mask) / objects), SMALLEST_SIDE)
    return lost + motion / float(side)
