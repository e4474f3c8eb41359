"""What is expected of a video's labels: how wrong they are now, and how far a new label would help.

A mask that is carried along a video goes wrong little by little. Each transition between two frames has a *hazard*
(see :mod:`al_core.selection.hazard`); a frame that lies hazards ``a`` after one label and ``b`` before the next is
expected to be wrong by

    1 - exp(-RATE * a * b / (a + b))

and by ``1 - exp(-RATE * a)`` when there is a label on one side only. On 14 clips with 4,000 pairs of labels 4 to 32
frames apart this explains .59 of the variance of the true error (1 - J&F) with one rate for all clips; the same with
the number of frames in the place of hazards explains .47 with a rate of its own for each clip.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 0.17
"""Error per unit of hazard, fitted as told above."""

UNSEEN = 0.2
"""Error expected far from labels that all say "nothing is here": something may have come since. A choice, not measured:
less than where masks are known to be wrong, so that these go first, and more than nothing, so that such stretches are
looked at evenly."""

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

    Raises:
        ValueError: lengths that do not fit.
    """

    error: Array
    hazard: Array
    labelled: frozenset[int] = frozenset()
    objects: float = 1.0
    vacant: frozenset[int] = frozenset()

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


def unseen_error(path: Array, labelled: Collection[int]) -> Array:
    """Return the error expected of frames where nothing is known to be, float64 as ``path``.

    It rises from 0 at the labels to ``UNSEEN`` far from them, as fast as that of carried masks.
    """
    frames = np.arange(len(path))
    marks = np.array(sorted(labelled), np.int64)
    error = np.empty(len(path))
    after = np.searchsorted(marks, frames)
    for at in range(len(marks) + 1):
        here = frames[after == at]
        start, end = (int(marks[at - 1]) if at else None), (int(marks[at]) if at < len(marks) else None)
        error[here] = expected_error(path, here, start, end)
    return UNSEEN * error


def expected_overlap(confidence: Mapping[int, float], around: Sequence[Collection[int]]) -> float:
    """Return the expected overlap of a whole frame, in [0, 1]: the mean over all objects that may be in it.

    Args:
        confidence: of each object that has a mask in the frame, in [0, 1].
        around: the objects of each neighbouring label. One that has no mask in the frame is expected to be rightly
            missing in proportion to the neighbours that miss it too.
    """
    tracks = set(confidence).union(*around)
    if not tracks:
        return 1.0
    known = [confidence[t] if t in confidence else sum(t not in seen for seen in around) / len(around) for t in tracks]
    return float(np.mean(known))
