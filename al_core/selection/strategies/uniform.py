"""Evenly spaced frames: the strongest simple yardstick, and the start of every campaign without predictions.

Evenly spaced means with half a step at both ends: ``n`` of ``N`` frames lie at ``floor(N * (i + 1/2) /
n)``. An outer stretch thus counts double: half a step from its label to the end of the video is as good as a whole step
between two labels.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import heapify, heappop, heapreplace
from itertools import pairwise
from math import floor
from typing import SupportsFloat

import numpy as np
from numpy.typing import NDArray

from al_core.records import Selected
from al_core.selection.constraints import Limits
from al_core.selection.pool import Frames, Pool
from al_core.settings import SelectionSettings

Spot = tuple[int, int, Fraction]
"""(video or shot, frame, step): the frames around it lie ``step`` frames apart once the stretch is filled."""


def select_uniform(pool: Pool, n: int, settings: SelectionSettings, rng: np.random.Generator) -> list[Selected]:
    """Halve, or part evenly, the longest stretches without a label, over all videos.

    With ``planned_frames`` the campaign's whole number of frames is laid out first, in proportion to the
    lengths of the videos, and each round takes those of them that part the longest stretches. A spot that
    is no candidate, or too near to a label, gives way to the nearest frame of its shot that may be chosen. Each
    shot counts as a video of its own.
    """
    round_ = _Round(pool, settings)
    if settings.planned_frames:
        round_.fill(n, lambda left: planned_spots(round_.axes(), left, settings.planned_frames, round_.room))
    round_.fill(n, lambda left: even_spots(round_.axes(), left, max(settings.min_gap, 1), round_.room))
    round_.fill_farthest(n)
    return round_.chosen


class _Round:
    """The frames of one selection while it grows."""

    def __init__(self, pool: Pool, settings: SelectionSettings) -> None:
        self._lengths = pool.lengths
        self._shots = [(video, shot) for video in sorted(pool.lengths) for shot in pool.shot_ranges(video)]
        self._frames = pool.candidates
        self._limits = Limits(self._frames, settings.min_gap, settings.quota_per_video, pool.labelled, pool.shots)
        known = pool.labelled
        self._taken = {video: known.frame_idx[known.video_id == video].tolist() for video in pool.lengths}
        self.chosen: list[Selected] = []

    def axes(self) -> list["Axis"]:
        """Return the shots, by their numbers, with the frames that are taken by now."""
        return [
            Axis(number, len(shot), sorted(shot.index(i) for i in self._taken[video] if i in shot))
            for number, (video, shot) in enumerate(self._shots)
        ]

    def room(self, number: int) -> int:
        """Return how many more frames of a shot may be chosen, at most."""
        video, shot = self._shots[number]
        return min(self._limits.room(video), int(np.count_nonzero(self._limits.allowed[self._span(video, shot)])))

    def fill(self, n: int, spots: Callable[[int], Sequence[Spot]]) -> None:
        """Choose frames at or near spots until there are ``n`` or no spot finds one."""
        placed = -1
        while len(self.chosen) < n and placed < len(self.chosen):
            placed = len(self.chosen)
            for number, place, step in spots(n - placed):
                position = self._nearest_allowed(number, place)
                if position is not None:
                    self._choose(position, step, f"evenly spaced: one of every {float(step):.0f} frames")

    def fill_farthest(self, n: int) -> None:
        """Choose what even spacing leaves over: one by one the allowed frame that is farthest from every label."""
        while len(self.chosen) < n and self._limits.allowed.any():
            distance = self._distance_to_labels()
            position = int(np.argmax(np.where(self._limits.allowed, distance, -1)))
            self._choose(position, distance[position], f"farthest from any label: {distance[position]:.0f} frames")

    def _choose(self, position: int, score: SupportsFloat, reason: str) -> None:
        self._limits.take(position)
        frame = self._frames.ref(position)
        self._taken[frame.video_id].append(frame.frame_idx)
        self.chosen.append(Selected(frame, len(self.chosen), float(score), reason))

    def _span(self, video: int, shot: range | None = None) -> slice:
        """Return where the frames of a video, or of one shot of it, are among the candidates."""
        ends = (0, self._lengths[video]) if shot is None else (shot.start, shot.stop)
        first, last = np.searchsorted(self._frames.keys, Frames.of([video] * 2, ends).keys)
        return slice(int(first), int(last))

    def _nearest_allowed(self, number: int, place: int) -> int | None:
        """Find the position of the allowed frame of a shot that is nearest to a place; the earlier one of two."""
        video, shot = self._shots[number]
        span = self._span(video, shot)
        allowed = span.start + np.flatnonzero(self._limits.allowed[span])
        distance = np.abs(self._frames.frame_idx[allowed] - shot[place])
        return int(allowed[distance.argmin()]) if len(allowed) else None

    def _distance_to_labels(self) -> NDArray[np.float64]:
        """Return the frames to the nearest label of the same video, float64 [n]; the video's length without any."""
        distance = np.empty(len(self._frames))
        for video, labels in self._taken.items():
            span = self._span(video)
            mine, known = self._frames.frame_idx[span], np.array(sorted(labels), np.int64)
            if not len(known):
                distance[span] = self._lengths[video]
                continue
            after = np.searchsorted(known, mine)
            around = known[np.maximum(after - 1, 0)], known[np.minimum(after, len(known) - 1)]
            distance[span] = np.abs(mine - around).min(axis=0)
        return distance


def planned_spots(axes: Sequence["Axis"], n: int, planned: int, room: Callable[[int], int]) -> list[Spot]:
    """Choose up to ``n`` open ones of ``planned`` evenly spaced frames, those first that split the longest stretches.

    A label that is not on the plan stands for the planned frame that is nearest to it.
    """
    empty = [Axis(axis.video, axis.length, ()) for axis in axes]
    shares = Counter(video for video, _, _ in even_spots(empty, planned, 1, lambda video: planned))
    plan = [_planned_axis(axis, shares[axis.video]) for axis in axes if shares[axis.video]]
    length = {axis.video: axis.length for axis in axes}
    spots = even_spots(plan, n, 1, room)
    return [(v, length[v] * (2 * i + 1) // (2 * shares[v]), step) for v, i, step in spots]


def _planned_axis(axis: "Axis", share: int) -> "Axis":
    reached = {(2 * frame + 1) * share // (2 * axis.length) for frame in axis.taken}
    return Axis(axis.video, share, sorted(reached), Fraction(axis.length, share))


@dataclass(frozen=True)
class Axis:
    """A video as a line of ``length`` places, some of them taken; one place is ``unit`` frames long."""

    video: int
    length: int
    taken: Sequence[int]
    unit: Fraction = Fraction(1)


@dataclass(frozen=True)
class _Stretch:
    """Free places between two taken ones, or between one and an end of the video (``None``)."""

    axis: Axis
    left: int | None
    right: int | None

    @property
    def ends(self) -> tuple[Fraction, Fraction]:
        """Where it begins and ends, in places; the ends of a video lie half a place beyond its outer frames."""
        left = Fraction(-1, 2) if self.left is None else Fraction(self.left)
        right = self.axis.length - Fraction(1, 2) if self.right is None else Fraction(self.right)
        return left, right

    def step(self, inside: int) -> Fraction:
        """Return the places from one taken place to the next when ``inside`` more are taken; an untouched end counts
        double."""
        left, right = self.ends
        halves = 2 * inside + 2 - (self.left is None) - (self.right is None)
        return 2 * (right - left) / max(halves, 1)

    def places(self, inside: int) -> list[int]:
        """Return the ``inside`` places that split it evenly."""
        left, _ = self.ends
        step = self.step(inside)
        first = left + (step / 2 if self.left is None else step)
        return [floor(first + i * step + Fraction(1, 2)) for i in range(inside)]


def even_spots(axes: Sequence[Axis], n: int, min_step: int, room: Callable[[int], int]) -> list[Spot]:
    """Share ``n`` spots among the stretches of all axes: the next always to the one with the longest step.

    Spots are ordered by the step that they leave, longest first, then by video and place. Fewer than ``n``
    come back when more would lie closer than ``min_step`` places, or where a video has no ``room``.
    """
    stretches = [_Stretch(axis, a, b) for axis in axes for a, b in pairwise([None, *axis.taken, None])]
    inside = [0] * len(stretches)
    left = {axis.video: room(axis.video) for axis in axes}
    heap = [(-s.step(0) * s.axis.unit, number) for number, s in enumerate(stretches)]
    heapify(heap)
    while n and heap:
        _, number = heap[0]
        stretch = stretches[number]
        if left[stretch.axis.video] and _fits(stretch, inside[number] + 1, min_step):
            n -= 1
            inside[number] += 1
            left[stretch.axis.video] -= 1
            heapreplace(heap, (-stretch.step(inside[number]) * stretch.axis.unit, number))
        else:
            heappop(heap)
    spots = [
        (s.axis.video, place, s.step(count) * s.axis.unit)
        for s, count in zip(stretches, inside, strict=True)
        for place in s.places(count)
    ]
    return sorted(spots, key=lambda spot: (-spot[2], spot[0], spot[1]))


def _fits(stretch: _Stretch, inside: int, min_step: int) -> bool:
    alone = stretch.left is None and stretch.right is None and inside == 1
    return alone or stretch.step(inside) >= min_step
