"""Masks of a given overlap with another one, to show what an IoU means."""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

Mask = NDArray[np.bool_]
Way = Literal["grown", "shrunk", "cut"]


def with_overlap(mask: Mask, iou: float, way: Way) -> Mask:
    """Make a mask worse until its IoU with what it was is as close to a figure as whole pixels allow.

    Args:
        mask: bool [h, w] with at least one pixel.
        iou: in (0, 1].
        way: "grown" takes the nearest pixels around it in as well, "shrunk" leaves out those at its
            edge, "cut" those at its end.

    Returns:
        bool [h, w]. Where there is too little room to grow, the overlap stays higher.
    """
    return WAYS[way](mask, iou)


def _grown(mask: Mask, iou: float) -> Mask:
    more = round(int(mask.sum()) * (1 / iou - 1))
    return mask | _first(distance_transform_edt(~mask), ~mask, more)


def _shrunk(mask: Mask, iou: float) -> Mask:
    # The edge of the picture is an edge of the object too.
    inside = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return _first(-inside, mask, _kept(mask, iou))


def _cut(mask: Mask, iou: float) -> Mask:
    y, x = np.nonzero(mask)
    along = np.indices(mask.shape)[0 if np.ptp(y) > np.ptp(x) else 1]
    return _first(along, mask, _kept(mask, iou))


def _kept(mask: Mask, iou: float) -> int:
    return max(1, round(int(mask.sum()) * iou))


def _first(order: NDArray[np.floating] | NDArray[np.integer], among: Mask, n: int) -> Mask:
    """Return the ``n`` pixels among some that come first by a number, bool [h, w]."""
    places = np.flatnonzero(among)
    chosen = places[np.argsort(order.ravel()[places], kind="stable")[:n]]
    found = np.zeros(among.size, bool)
    found[chosen] = True
    return found.reshape(among.shape)


WAYS: Mapping[Way, Callable[[Mask, float], Mask]] = {"grown": _grown, "shrunk": _shrunk, "cut": _cut}
