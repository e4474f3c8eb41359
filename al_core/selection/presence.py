"""How likely it is that an object is there that nobody has seen: not knowing is not being right.

A label that says "nothing is here" holds for its own frame. Around it the chance of an object grows again, from 0 to
what is usual: how often labelled frames of the video and of the project show something. How fast it grows follows
from how long objects stay, which differs: averaged over stays of any length around a usual one (an exponential
distribution of rates), what was seen ``d`` frames ago is still so with a probability of ``1 / (1 + d / stay)``. That
has a long tail, so a frame far from all labels always counts a little more than one that is less far, and what is
asked for is spread over time and videos.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from al_core.evaluation.calibration import IDENTITY, Calibration

Array = NDArray[np.float64]

LABELS_OF_PROJECT = 6.0
"""The labels of the whole project count as much as this many labels of the video."""

USUAL_STAY = 25.0
"""Frames that an object is taken to stay, before any stay was seen."""

STAYS_KNOWN = 2.0
"""How many seen stays that one counts as."""


class Side(NamedTuple):
    """The label on one side of a frame: how many frames away, and whether it shows the object."""

    distance: int
    seen: bool


@dataclass(frozen=True, slots=True)
class Presence:
    """How objects come and go in a video.

    Attributes:
        rate: share of frames that show something, in [0, 1].
        stay: frames that an object stays, above 0.
    """

    rate: float = 1.0
    stay: float = USUAL_STAY

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1 or self.stay <= 0:
            raise ValueError(f"a rate lies in [0, 1] and a stay is above 0, got {self.rate} and {self.stay}")

    def chance(self, before: Side | None, after: Side | None) -> float:
        """Return the chance that an object is in a frame between two labels, in [0, 1]; None where there is no label.

        It is that of a process that goes on as it is or is drawn anew, with the share ``rate`` of presence.
        """
        there, gone = self.rate, 1 - self.rate
        for side in (before, after):
            if side is not None:
                still = 1 / (1 + side.distance / self.stay)
                there *= still + (1 - still) * self.rate if side.seen else (1 - still) * max(1 - self.rate, _LEAST)
                gone *= (1 - still) * self.rate if side.seen else still + (1 - still) * (1 - self.rate)
        return there / (there + gone) if there + gone > 0 else self.rate


TOLD = IDENTITY
"""What frames turn out to be worth (J&F) that are expected to be right by so much, before a project's own labels tell.
On frames of 11 clips with 2, 4 and 8 labels carried by flow, maps fitted to the other ten clips brought nothing:
expected calibration error .012 as it comes, .011 with them (``tests/bench/selection/told_error.py``)."""

_LEAST = 1e-6
"""Share of frames without an object, where all labels show one."""


def unlooked(
    frames: NDArray[np.int64], start: NDArray[np.int64] | int | None, end: NDArray[np.int64] | int | None, stay: float
) -> Array:
    """Return how little the nearest looks say of frames, float64 in [0, 1] as ``frames`` and the looks broadcast: 0 in
    a frame that was looked at, near 1 far from all.

    Args:
        start, end: frames before and after that were looked at; None where there is none.
        stay: see :class:`Presence`.
    """
    found: Array | None = None
    for look in (start, end):
        if look is not None:
            distance = np.abs(frames - look)
            found = (distance if found is None else found * distance) / (distance + stay)
    return np.ones(np.shape(frames)) if found is None else found


def unlooked_in(n_frames: int, looks: Collection[int], stay: float) -> Array:
    """Return how little the looks at a video say of each of its frames, float64 [n_frames]; see :func:`unlooked`."""
    frames, found = np.arange(n_frames), np.ones(n_frames)
    for start, end in pairwise([None, *sorted(looks), None]):
        part = slice(0 if start is None else start, n_frames if end is None else end + 1)
        found[part] = unlooked(frames[part], start, end, stay)
    return found


def presence_of(mine: Sequence[bool], everywhere: Sequence[bool], stays: Iterable[int] = ()) -> Presence:
    """Learn from labels how objects come and go in a video.

    Args:
        mine: of each label of the video, whether it shows something.
        everywhere: of each label of the project; one that shows something counts besides, so that objects are expected
            until labels say otherwise.
        stays: lengths in frames of stretches in which something was followed, of all videos where objects come and go.
    """
    project = (sum(everywhere) + 1) / (len(everywhere) + 1)
    rate = (sum(mine) + LABELS_OF_PROJECT * project) / (len(mine) + LABELS_OF_PROJECT)
    known = list(stays)
    return Presence(rate, (USUAL_STAY * STAYS_KNOWN + sum(known)) / (STAYS_KNOWN + len(known)))


def stays_of(shown: Sequence[bool] | NDArray[np.bool_]) -> list[int]:
    """Return the lengths of the stretches in which something is shown; none where that is always or never so."""
    values = np.asarray(shown, bool)
    if values.all() or not values.any():
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], values, [False]]).astype(np.int8)))
    return [int(last - first) for first, last in edges.reshape(-1, 2)]


class Expected(NamedTuple):
    """What is expected of the frames of a shot.

    Attributes:
        error: float64 [n] in [0, 1], 1 - J&F; it includes ``unseen``.
        unseen: float64 [n], the part of it that comes from objects that nobody has seen there.
    """

    error: Array
    unseen: Array

    @property
    def vacant(self) -> frozenset[int]:
        """The frames, counted from the shot's first, of which only an object that nobody has seen could be wrong."""
        return frozenset(np.flatnonzero((self.unseen > 0) & (self.unseen == self.error)).tolist())


def expected_of(
    shown: Mapping[int, Mapping[int, float]],
    labels: Mapping[int, Collection[int]],
    shot: range,
    presence: Presence,
    chance: Array | None = None,
    worth: Calibration = IDENTITY,
) -> Expected:
    """Return how wrong each frame of a shot is expected to be as it is delivered.

    A frame is as right as its objects are on average: one that has a mask by its confidence, one that only the labels
    around know by the chance that it is not there. Where there is neither, what counts is the chance of an object that
    nobody has seen. Of a shot without a label nothing else is known, whatever masks it has.

    Args:
        shown: frame -> the confidence in [0, 1] of each object that has a mask; a frame without any may be missing.
        labels: labelled frame -> its objects; those outside the shot do not matter.
        chance: of an object in each frame of the video, as far as the frame itself tells; ``presence.rate`` when left
            out.
        worth: what a frame turns out to be worth that is expected to be right by so much; not of objects that nobody
            has seen.
    """
    frames = np.arange(shot.start, shot.stop)
    likely = np.full(len(shot), presence.rate) if chance is None else chance[frames]
    marks = sorted(i for i in labels if i in shot)
    if not marks:
        error = np.where([bool(shown.get(i)) for i in shot], 1.0, likely)
        return Expected(error, error * (1 - presence.rate))
    error, unseen = np.zeros(len(shot)), np.zeros(len(shot))
    for start, end in pairwise([None, *marks, None]):
        gap = range(shot.start if start is None else start + 1, shot.stop if end is None else end)
        part = slice(gap.start - shot.start, gap.stop - shot.start)
        error[part] = unseen[part] = likely[part] * unlooked(frames[part], start, end, presence.stay)
        around = [labels[m] for m in (start, end) if m is not None]
        for i in gap if any(around) else (i for i in gap if shown.get(i)):
            sides = [None if m is None else (abs(i - m), labels[m]) for m in (start, end)]
            known = shown.get(i, {})
            wrong = np.mean([_wrong(t, known, sides, presence) for t in set(known).union(*around)])
            error[i - shot.start] = 1 - worth(1 - float(wrong))
            unseen[i - shot.start] = 0.0
    return Expected(error, unseen)


def _wrong(
    track: int,
    known: Mapping[int, float],
    sides: Sequence[tuple[int, Collection[int]] | None],
    presence: Presence,
) -> float:
    if track in known:
        return 1 - known[track]
    before, after = (None if side is None else Side(side[0], track in side[1]) for side in sides)
    looks = [side.seen for side in (before, after) if side is not None]
    # That something is always there does not say that this object is: labels that miss it tell more of it.
    return replace(presence, rate=min(presence.rate, sum(looks) / len(looks))).chance(before, after)
