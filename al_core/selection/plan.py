"""Plan of labels over all videos: where each does most good, given that it helps the frames between its neighbours.

With labels on a line a new one changes only what is expected between the label before it and the one after it. So
the best place in each stretch is found once and stays valid until the stretch is split: the greedy choice over all
videos needs one heap and no second look. Frames that were planned together are then moved, one at a time, to the best
place between their neighbours until none moves: after greedy halving alone the first frames would stay where they
were best when they were alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from al_core.records import FrameRef, LabelKind
from al_core.selection.error_model import Array, Outlook, expected_error
from al_core.selection.presence import unlooked, unlooked_in

MOST_FRAMES = 256
"""Of a longer stretch every second (third ...) frame is weighed."""

MOST_PLACES = 48
"""Places that are tried in a stretch before the best one's surroundings are."""

MOST_SWEEPS = 8
"""How often planned frames are moved at most; two or three times is usual."""

LEAST_EXPECTED = 1e-6

EQUAL = 1e-9
"""Gains that differ by no more than this share are the same."""

WORTH_TELLING = 0.1
"""Frames that gain less than this share of what the best one gains are not named in the reason."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a kind of label costs, in human seconds for one object, and leaves.

    Attributes:
        seconds: where nothing is shown, or whatever is shown.
        keeps: share of the present error that the label keeps, in [0, 1].
        adds: error that the label has even where the present mask is right, in [0, 1].
        from_nothing: error of a label of an object that has no mask yet, in [0, 1]; no label is expected to be worse.
            None where such an object cannot be labelled so.
        correcting: where a mask is shown, the share of ``seconds`` that it takes when it is right, and how much more
            when all of it is wrong; no more than ``seconds``. None where it is the same as from nothing.
        absent: human seconds of saying that a frame shows nothing; None where it takes as long as the label.
    """

    kind: LabelKind
    seconds: float
    keeps: float = 0.0
    adds: float = 0.0
    from_nothing: float | None = 1.0
    correcting: tuple[float, float] | None = None
    absent: float | None = None

    def residual(self, error: float) -> float:
        """Return how wrong the label is expected to be where the present mask is wrong by ``error``."""
        most = 1.0 if self.from_nothing is None else self.from_nothing
        return min(self.keeps * error + self.adds, most)

    def price(self, error: float, shown: bool) -> float:
        """Return the seconds for an object whose mask, where one is shown, is wrong by ``error``."""
        if not shown or self.correcting is None:
            return self.seconds
        least, more = self.correcting
        return self.seconds * min(least + more * error, 1.0)


class Spot(NamedTuple):
    """A place for a label.

    Attributes:
        gain: expected reduction of error, in frames: 2.5 is as much as 5 frames that are better by half.
        rate: gain per human second.
        first, last: the frames that it is expected to improve.
    """

    gain: float
    rate: float
    frame: FrameRef
    offer: Offer
    first: int
    last: int


@dataclass(eq=False)
class Line:
    """One video with its labels, those that are there and those that are planned.

    Attributes:
        candidates: int64, rising, the frames that may be chosen.
        min_gap: least distance of two labels.
        room: how many more labels may be planned.
        price: what a human second is worth elsewhere, in frames; see :func:`plan`.
    """

    video_id: int
    outlook: Outlook
    candidates: NDArray[np.int64]
    offers: Sequence[Offer]
    min_gap: int = 1
    room: int = 1 << 60
    price: float = 0.0
    planned: dict[int, Offer] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._path = self.outlook.path
        self._residual: dict[int, float] = {}
        n = len(self._path)
        self._unseen = np.zeros(n) if self.outlook.unseen is None else self.outlook.unseen
        away = unlooked_in(n, self.outlook.labelled, self.outlook.stay)
        self._before, self._unlooked = np.ones(n), np.maximum(away, LEAST_EXPECTED)
        for start, end in pairwise(self.marks):
            frames = np.arange(start + 1, end)
            self._before[frames] = np.maximum(self._carried(frames, start, end), LEAST_EXPECTED)

    @property
    def marks(self) -> list[int]:
        """Labelled and planned frames in order, between -1 and the number of frames."""
        return [-1, *sorted(self.outlook.labelled | self.planned.keys()), len(self._path)]

    def add(self, spot: Spot) -> None:
        """Plan a label."""
        self.put(spot.frame.frame_idx, spot.offer)

    def put(self, frame_idx: int, offer: Offer) -> None:
        """Plan a label of a kind in a frame."""
        self.planned[frame_idx] = offer
        self._residual[frame_idx] = offer.residual(float(self.outlook.error[frame_idx]))

    def remove(self, frame_idx: int) -> None:
        """Take a planned label back."""
        del self.planned[frame_idx], self._residual[frame_idx]

    def clear(self) -> NDArray[np.int64]:
        """Take all planned labels back; return their frames, rising."""
        frames = sorted(self.planned)
        self.planned.clear()
        self._residual.clear()
        return np.array(frames, np.int64)

    def best(self, start: int, end: int, among: NDArray[np.int64] | None = None) -> Spot | None:
        """Find the best place for one more label between two neighbouring marks, perhaps only ``among`` some frames."""
        places = self._places(start, end, self.candidates if among is None else among)
        if not len(places):
            return None
        step = -(-(end - start) // MOST_FRAMES)
        frames = np.arange(start + 1, end, step)
        apart = -(-len(places) // MOST_PLACES)
        tried = places[::apart]
        now = self._expected(frames, start, end)
        best = _best_of(tried, self._gains(tried, frames, step, now, start, end), start, end)
        if apart > 1:
            around = places[np.abs(places - best) < apart]
            best = _best_of(around, self._gains(around, frames, step, now, start, end), start, end)
        return self._offered(best, frames, step, now, start, end)

    def at(self, frame_idx: int) -> Spot | None:
        """Return what a label of the kind that is worth most brings in a frame; None where it has one."""
        marks = self.marks
        after = int(np.searchsorted(marks, frame_idx))
        return self.best(marks[after - 1], marks[after], np.array([frame_idx])) if marks[after] != frame_idx else None

    def _places(self, start: int, end: int, candidates: NDArray[np.int64]) -> NDArray[np.int64]:
        low = start + self.min_gap if start >= 0 else 0
        high = end - self.min_gap if end < len(self._path) else end - 1
        first, last = np.searchsorted(candidates, (low, high + 1))
        return candidates[first:last]

    def _gains(
        self, places: NDArray[np.int64], frames: NDArray[np.int64], step: int, now: Array, start: int, end: int
    ) -> Array:
        """Return what an exact label at each place is worth, float64 as ``places``.

        Args:
            now: the expected error of the frames.
        """
        column = places[:, None]
        left, right = self._carried(frames, start, column), self._carried(frames, column, end)
        own = np.where(frames < column, self._own(frames, start, column), self._own(frames, column, end))
        away = np.where(frames < column, self._away(frames, start, column), self._away(frames, column, end))
        then = self._reduced(frames, np.where(frames < column, left, right), away, own)
        then = np.where(frames == column, 0.0, then)
        return np.asarray(step * np.maximum(now - then, 0).sum(axis=1))

    def _offered(self, place: int, frames: NDArray[np.int64], step: int, now: Array, start: int, end: int) -> Spot:
        """Choose the kind of label that is worth most at a place, beyond what its seconds are worth elsewhere."""
        offers = [offer for offer in self.offers if offer.from_nothing is not None or len(self.marks) > 2]
        spots = [self._spot(place, offer, frames, step, now, start, end) for offer in offers]
        return max(spots, key=lambda spot: spot.gain * (1 - self.price / spot.rate) if spot.rate > 0 else -np.inf)

    def _spot(
        self, place: int, offer: Offer, frames: NDArray[np.int64], step: int, now: Array, start: int, end: int
    ) -> Spot:
        self.put(place, offer)
        then = np.where(frames < place, self._expected(frames, start, place), self._expected(frames, place, end))
        gains = np.maximum(now - np.where(frames == place, self._residual[place], then), 0)
        self.remove(place)
        better = frames[gains > WORTH_TELLING * gains.max(initial=0)]
        first, last = (int(better[0]), int(better[-1])) if len(better) else (place, place)
        gain = float(step * gains.sum())
        return Spot(gain, gain / self._seconds(place, offer), FrameRef(self.video_id, place), offer, first, last)

    def _seconds(self, place: int, offer: Offer) -> float:
        """Return the human seconds that a label is expected to take; where nothing is known to be, it is probably the
        short answer that nothing is."""
        error, objects = float(self.outlook.error[place]), max(self.outlook.objects, 1.0)
        if offer.absent is not None and self._unseen[place] > 0:
            return error * offer.seconds * objects + (1 - error) * offer.absent
        return offer.price(error, shown=bool(self.outlook.labelled)) * objects

    def _expected(self, frames: NDArray[np.int64], start: int, end: int) -> Array:
        """Return the expected error of frames between two marks, those of the plan included."""
        carried, away = self._carried(frames, start, end), self._away(frames, start, end)
        return self._reduced(frames, carried, away, self._own(frames, start, end))

    def _reduced(self, frames: NDArray[np.int64], carried: Array, away: Array, own: Array | float) -> Array:
        """Return the present error less what nearer labels take from it, plus what these have; never more than now."""
        error, unseen = self.outlook.error[frames], self._unseen[frames]
        nearer = (error - unseen) * np.minimum(carried / self._before[frames], 1.0)
        nearer = nearer + unseen * np.minimum(away / self._unlooked[frames], 1.0)
        return np.asarray(np.minimum(own + (1 - own) * nearer, error))

    def _carried(
        self, frames: NDArray[np.int64], start: int | NDArray[np.int64], end: int | NDArray[np.int64]
    ) -> Array:
        """Return what the hazards say of frames between two marks; they broadcast."""
        return expected_error(self._path, frames, *self._labels(start, end))

    def _away(self, frames: NDArray[np.int64], start: int | NDArray[np.int64], end: int | NDArray[np.int64]) -> Array:
        """Return how little looks at two marks say of frames between them; they broadcast."""
        return unlooked(frames, *self._labels(start, end), self.outlook.stay)

    def _labels(
        self, start: int | NDArray[np.int64], end: int | NDArray[np.int64]
    ) -> tuple[int | NDArray[np.int64] | None, int | NDArray[np.int64] | None]:
        """Return the labels at two marks; None at the ends of the video."""
        first = None if isinstance(start, int) and start < 0 else start
        return first, None if isinstance(end, int) and end >= len(self._path) else end

    def _own(
        self, frames: NDArray[np.int64], start: int | NDArray[np.int64], end: int | NDArray[np.int64]
    ) -> Array | float:
        """Return the error of planned labels themselves, as it reaches frames between them; the nearer one counts more.

        That of labels which are there is part of the present error.
        """
        wrong = [self._residual.get(mark, 0.0) if isinstance(mark, int) else 0.0 for mark in (start, end)]
        if not any(wrong):
            return 0.0
        share = (frames - start) / (end - start)
        return np.asarray((1 - share) * wrong[0] + share * wrong[1])


def _best_of(places: NDArray[np.int64], gains: Array, start: int, end: int) -> int:
    """Return the place with the greatest gain; of equal ones that which is farthest from both marks."""
    equal = places[gains >= gains.max() * (1 - EQUAL)]
    return int(equal[int(np.argmax(np.minimum(equal - start, end - equal)))])


def plan(lines: Sequence[Line], n: int, n_soon: int | None = None) -> None:
    """Plan up to ``n`` labels over all videos, those first that are worth most per second, and settle their places.

    Where there are several kinds of label, the cheapest one is mostly worth most per second, and yet wrong: it takes
    the place of a better one. So seconds get a price, that of the last label if ``n_soon`` were asked for and all of
    the kind that leaves the least error, and each place gets the kind that is worth most beyond its price.

    Args:
        n_soon: labels that are asked for soon; ``n`` when left out. The fewer, the higher the price, and the coarser
            the labels.
    """
    if any(len(line.offers) > 1 for line in lines):
        # The kind that leaves the least error where all was wrong.
        exact = [replace(line, offers=(min(line.offers, key=lambda o: o.residual(1.0)),)) for line in lines]
        added = _greedy(exact, n_soon or n)
        for line in lines:
            line.price = min((spot.rate for spot in added), default=0.0)
    _greedy(lines, n)
    for line in lines:
        settle(line)


def settle(line: Line, among: NDArray[np.int64] | None = None) -> None:
    """Move planned labels to the best place (``among`` some frames) between their neighbours until none moves."""
    for _ in range(MOST_SWEEPS):
        moved = False
        for frame in sorted(line.planned):
            offer = line.planned[frame]
            line.remove(frame)
            marks = line.marks
            at = int(np.searchsorted(marks, frame))
            spot = line.best(marks[at - 1], marks[at], among)
            if spot is None:
                line.put(frame, offer)
            else:
                line.add(spot)
                moved = moved or spot.frame.frame_idx != frame
        if not moved:
            return


def first_of(lines: Sequence[Line], n: int) -> list[Spot]:
    """Choose the ``n`` planned labels that are worth most together if no other follows, best first."""
    planned = {line.video_id: line.clear() for line in lines}
    _greedy(lines, n, planned)
    for line in lines:
        settle(line, planned[line.video_id])
    return _greedy(lines, n, {line.video_id: line.clear() for line in lines})


def _greedy(lines: Sequence[Line], n: int, among: Mapping[int, NDArray[np.int64]] | None = None) -> list[Spot]:
    """Add up to ``n`` labels over all videos, one by one the one that is worth most per second."""
    by_video = {line.video_id: line for line in lines}
    heap: list[tuple[float, int, int, int, Spot, int, int]] = []

    def look(line: Line, start: int, end: int) -> None:
        spot = line.best(start, end, None if among is None else among[line.video_id])
        if spot is not None:
            # The greatest rate first; of equal ones the longest stretch, then by video and frame.
            heappush(heap, (-spot.rate, start - end, spot.frame.video_id, spot.frame.frame_idx, spot, start, end))

    for line in lines:
        for start, end in pairwise(line.marks):
            look(line, start, end)
    added: list[Spot] = []
    while len(added) < n and heap:
        *_, spot, start, end = heappop(heap)
        line = by_video[spot.frame.video_id]
        if len(line.planned) < line.room:
            line.add(spot)
            added.append(spot)
            look(line, start, spot.frame.frame_idx)
            look(line, spot.frame.frame_idx, end)
    return added
