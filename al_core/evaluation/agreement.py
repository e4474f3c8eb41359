"""How alike two people's labels of one frame are."""

from collections.abc import Sequence

from al_core.masks.rle import iou
from al_core.records import MaskLabel


def likeness(first: Sequence[MaskLabel], second: Sequence[MaskLabel]) -> float:
    """Mean intersection over union (J) of the objects that two labels of a frame hold, in [0, 1].

    Objects are paired so that the sum of J is greatest, since two people may number them differently; an object that
    only one of them has counts as 0. Two labels that say "nothing here" agree: 1. Ignore regions are left out.
    """
    # What only shows figures starts without scipy.
    from scipy.optimize import linear_sum_assignment

    ours, theirs = ([m.rle for m in masks if not m.ignore] for masks in (first, second))
    if not ours and not theirs:
        return 1.0
    overlap = iou(ours, theirs)
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    return float(overlap[rows, columns].sum()) / max(len(ours), len(theirs))
