"""What is expected of a video's labels: how wrong they are now, and how far a new label would help.

A mask that is carried along a video goes wrong little by little. Each transition between two frames has a *hazard*
(see :mod:`al_core.selection.hazard`); a frame that lies hazards ``a`` after one label and ``b`` before the next is
expected to be wrong by

    1 - exp(-RATE * a * b / (a + b))

and by ``1 - exp(-RATE * a)`` when there is a label on one side only. On 14 clips with 4,000 pairs of labels 4 to 32
frames apart this explains .59 of the variance of the true error (1 - J&F) with one rate for all clips; the same with
the number of frames in the place of hazards explains .47 with a rate of its own for each clip.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from al_core.selection.presence import USUAL_STAY

RATE = 0.17
"""Error per unit of hazard, fitted as told above."""

OVER_A_CUT = 1e3
"""Hazard of the transition over a cut: no label says anything of the frames beyond it."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outlook:
    """One video as the selection sees it.

    Attributes:
        vacant: frames without a mask, between labels that say that nothing is there.
        error: float64 [n] in [0, 1], the expected error (1 - J&F) of what would be delivered now; what it says of
            labelled frames does not matter.
        hazard: float64 [n - 1], at least 0, of the transition from each frame to the next.
        labelled: the frames that have a label.
        objects: how many there are in a frame, on average, at least 1: labels are paid by object.
        unseen: float64 [n], the part of ``error`` that comes from objects that nobody has seen there
            (:mod:`~al_core.selection.presence`); nothing when left out. A look lessens it also where no mask is
            carried.
        stay: frames that an object stays.

    Raises:
        ValueError: lengths that do not fit.
    """

    error: Array
    hazard: Array
    labelled: frozenset[int] = frozenset()
    objects: float = 1.0
    vacant: frozenset[int] = frozenset()
    unseen: Array | None = None
    stay: float = USUAL_STAY

    def __post_init__(self) -> None:
        if len(self.hazard) != len(self.error) - 1:
            raise ValueError(f"{len(self.error)} frames have {len(self.error) - 1} transitions, got {len(self.hazard)}")

    @property
    def path(self) -> Array:
        """Hazard from the first frame to each frame, float64 [n], rising."""
        return np.concatenate([[0.0], np.cumsum(self.hazard)])


def expected_error(
    path: Array, frames: NDArray[np.int64], start: NDArray[np.int64] | int | None, end: NDArray[np.int64] | int | None
) -> Array:
    """Return the error that hazards alone predict between two labels, float64 as ``frames`` and the labels broadcast.

    Args:
        path: see :attr:`Outlook.path`.
        frames: frame numbers.
        start, end: labelled frames before and after; None where there is none. Without any the error is 1.
    """
    if start is None and end is None:
        return np.ones(np.shape(frames))
    here = path[frames]
    if end is None:
        assert start is not None
        way = here - path[start]
    elif start is None:
        way = path[end] - here
    else:
        before, after = here - path[start], path[end] - here
        way = before * after / np.maximum(before + after, 1e-12)
    return np.asarray(-np.expm1(-RATE * np.maximum(way, 0)))
