"""Watch and learn: from a few boxes to many, by detectors and tracks that check each other.

After Misra, Shrivastava and Hebert, "Watch and learn: semi-supervised learning of object detectors from videos" (CVPR
2015): what was drawn need not be all that is there. Detectors of the drawn boxes look at some frames, tracks begin at
what they are sure of, what both agree on teaches the next detectors. Nothing is known of the rest of a frame, so it is
never an example of nothing; only what lies just beside a box that was agreed on is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from al_core.discovery.exemplars.agreement import Detections, Verdict, arrivals, verdicts
from al_core.discovery.exemplars.appearance import Shape, pyramid, scales_for, windows
from al_core.discovery.exemplars.boxes import Boxes, inside, overlaps
from al_core.discovery.exemplars.detectors import Detector, Surroundings, Vectors, detections, trained
from al_core.discovery.exemplars.short_tracks import Box, Pairs
from al_core.discovery.exemplars.views import views_of
from al_core.footage.clips import ClipFrames

PLAUSIBLE, SURE = -1.0, 1.0
"""Log odds from which a detection may be agreed with, and from which it begins a track."""

VERIFIED = 0.5
"""Agreement from which a box teaches."""

BESIDE = 0.35
"""Overlap (IoU) with every box that is agreed on, up to which a window beside one shows nothing."""

MOST_EXAMPLES = 240
"""Boxes that teach, at most; those that people drew come first."""

SURROUNDING_FRAMES = 8
BURST, STEP = 5, 3
"""Frames that are looked at together while learning, and how far apart they are."""


@dataclass(frozen=True)
class Watching:
    """How it is watched.

    Attributes:
        rounds: of learning.
        frames: that are looked at in each of them.
        reach: frames over which a box is followed.
        views: detectors at most, each of examples that look alike.
        beyond: an object may be so many times larger or smaller than those that were drawn.
        gate: whether tracks have to agree; without, detectors teach themselves.
    """

    rounds: int = 3
    frames: int = 48
    reach: int = 8
    views: int = 4
    beyond: float = 1.5
    gate: bool = True


@dataclass(frozen=True, eq=False)
class Example:
    """A box that a person drew."""

    frame_idx: int
    box: Box


@dataclass(frozen=True, eq=False)
class Watched:
    """A box that was found, in a frame.

    Attributes:
        track: the object's number within the clip, from 1.
        confidence: in [0, 1].
    """

    frame_idx: int
    track: int
    box: Box
    confidence: float


@dataclass(eq=False)
class Watcher:
    """Learns from the boxes of one clip, and finds more like them in it.

    Attributes:
        frames, flow: of the clip.
        shots: parts of the clip over whose ends nothing is followed.
        examples: that people drew, at least 1.
        complete: frames in which nothing is but the examples.
        others: boxes of other things, by frame.
    """

    frames: ClipFrames
    flow: Pairs
    shots: Sequence[range]
    examples: Sequence[Example]
    rng: np.random.Generator
    watching: Watching = Watching()
    complete: frozenset[int] = frozenset()
    others: Mapping[int, Boxes] | None = None

    def __post_init__(self) -> None:
        drawn = np.stack([one.box for one in self.examples])
        self.scales = scales_for(drawn, self.watching.beyond)
        self._drawn = by_frame(self.examples)
        self._surroundings = self._look_around()

    def learn(self, on_round: Callable[[int], None] | None = None) -> list[Detector]:
        """Return the detectors after all rounds."""
        taught = [(one.frame_idx, one.box) for one in self.examples]
        detectors = self._detectors(taught)
        looked = self._learning_frames()
        for number in range(self.watching.rounds):
            found = {i: self.look(i, detectors, PLAUSIBLE) for i in looked}
            taught = self._agreed(found)
            detectors = self._detectors(taught)
            if on_round is not None:
                on_round(number + 1)
        return detectors

    def look(self, frame_idx: int, detectors: Sequence[Detector], least: float) -> Detections:
        """Return what is found in a frame; what people drew there takes the place of what lies on it."""
        picture = self.frames.read(frame_idx)
        boxes, scores, _ = detections(picture, detectors, least)
        given = self._drawn.get(frame_idx, np.zeros((0, 4)))
        known = np.concatenate([given, (self.others or {}).get(frame_idx, np.zeros((0, 4)))])
        free = overlaps(boxes, known).max(axis=1, initial=0) < 0.3
        if frame_idx in self.complete:
            free[:] = False
        return Detections(
            np.concatenate([given, boxes[free]]),
            np.concatenate([np.full(len(given), 10.0), scores[free]]),
            np.arange(len(given) + int(free.sum())) < len(given),
        )

    def judged(self, found: Mapping[int, Detections]) -> dict[int, Verdict]:
        """Tell how far tracks agree with what was found in the frames that were looked at."""
        said: dict[int, Verdict] = {}
        for shot in self.shots:
            here = {i: found[i] for i in sorted(found) if i in shot}
            begun = [
                (i, k, seen.boxes[k]) for i, seen in here.items() for k in np.flatnonzero(seen.scores >= SURE).tolist()
            ]
            reach = self.watching.reach
            arrived = arrivals(self.flow, self.frames.size, shot, begun, list(here), reach)
            said |= verdicts(here, arrived, shot, reach)
        return said

    def _agreed(self, found: Mapping[int, Detections]) -> list[tuple[int, Box]]:
        """Return the boxes that teach the next detectors."""
        drawn = [(one.frame_idx, one.box) for one in self.examples]
        if not self.watching.gate:
            sure = [(i, box) for i, seen in found.items() for box in seen.boxes[(seen.scores >= SURE) & ~seen.given]]
            return drawn + self._some(sure, MOST_EXAMPLES - len(drawn))
        more = []
        for i, verdict in self.judged(found).items():
            stays = (verdict.agreement >= VERIFIED) & verdict.moved & ~found[i].given
            more += [(i, box) for box in verdict.boxes[stays]]
        return drawn + self._some(more, MOST_EXAMPLES - len(drawn))

    def _some(self, boxes: list[tuple[int, Box]], most: int) -> list[tuple[int, Box]]:
        if len(boxes) <= most:
            return boxes
        return [boxes[k] for k in sorted(self.rng.choice(len(boxes), max(most, 0), replace=False).tolist())]

    def _detectors(self, taught: Sequence[tuple[int, Box]]) -> list[Detector]:
        """Return a detector for each view of the boxes that teach."""
        boxes = np.stack([box for _, box in taught])
        pictures = {i: self.frames.read(i) for i in sorted({i for i, _ in taught})}
        common = Shape.of(boxes)
        look = np.concatenate([windows(pictures[i], box[None], common) for i, box in taught])
        groups = views_of(self._surroundings.whitening(common)(look), boxes, self.watching.views)
        beside = [(i, near) for i in pictures for near in self._beside(i, taught)]
        detectors = []
        for group in groups:
            shape = Shape.of(boxes[group])
            good = np.concatenate([windows(pictures[taught[k][0]], boxes[k][None], shape) for k in group])
            bad = [windows(pictures[i], near[None], shape) for i, near in beside]
            nothing: Vectors = np.concatenate([np.zeros((0, shape.length), np.float32), *bad])
            detectors.append(trained(self._surroundings.whitening(shape), good, nothing, self.scales))
        return detectors

    def _beside(self, frame_idx: int, taught: Sequence[tuple[int, Box]]) -> Boxes:
        """Return windows just beside the boxes of a frame that teach, which hold nothing as a whole."""
        boxes = np.stack([box for i, box in taught if i == frame_idx])
        sides = np.concatenate([boxes[:, 2:] - boxes[:, :2]] * 2, axis=1)
        near = [boxes + sides * np.array([x, y, x, y]) for x, y in _AROUND]
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        for grown in (0.5, 2.0):
            half = sides[:, :2] * grown / 2
            near.append(np.concatenate([middle - half, middle + half], axis=1))
        if (others := (self.others or {}).get(frame_idx)) is not None:
            near.append(others)
        every = np.concatenate(near)
        height, width = self.frames.size
        cut = inside(every, self.frames.size)
        seen = overlaps(every, cut).diagonal() > 0.6
        return every[seen & (overlaps(every, boxes).max(axis=1) <= BESIDE)]

    def _look_around(self) -> Surroundings:
        """Return what the clip looks like in general, at the sizes at which it is looked at."""
        n = self.frames.n_frames
        some = np.unique(np.linspace(0, n - 1, min(SURROUNDING_FRAMES, n)).round().astype(int)).tolist()
        every = [
            cells for i in some for _, _, cells in pyramid(self.frames.read(i), self.scales[:: max(len(self.scales) // 4, 1)])
        ]
        return Surroundings.of(every)

    def _learning_frames(self) -> list[int]:
        """Return the frames that are looked at while learning: short bursts, around what was drawn and elsewhere."""
        n, most = self.frames.n_frames, self.watching.frames
        if n <= most:
            return list(range(n))
        drawn = sorted(self._drawn)
        some = drawn if len(drawn) <= 3 else [drawn[k] for k in np.linspace(0, len(drawn) - 1, 3).astype(int)]
        bursts = max(most // BURST, 1)
        even = ((np.arange(bursts) + 0.5) * n / bursts).astype(int).tolist()
        spread = (np.arange(BURST) - BURST // 2) * STEP
        frames = {int(np.clip(i + k, 0, n - 1)) for i in (*some, *even) for k in spread}
        return sorted(frames | {i for i in some})


_AROUND = [(x, y) for x in (-0.6, 0, 0.6) for y in (-0.6, 0, 0.6) if x or y] + [
    (x, y) for x in (-1.1, 0, 1.1) for y in (-1.1, 0, 1.1) if x or y
]
"""Ways beside a box, in shares of its sides."""


def by_frame(examples: Sequence[Example]) -> dict[int, Boxes]:
    """Return the boxes of examples by frame, [n, 4] each."""
    frames = sorted({one.frame_idx for one in examples})
    return {i: np.stack([one.box for one in examples if one.frame_idx == i]) for i in frames}


def watch(watcher: Watcher, detectors: Sequence[Detector], on_frame: Callable[[int], None] | None = None) -> list[Watched]:
    """Return what is found in all frames: the boxes on which detectors and tracks agree, and those that people drew.

    Args:
        on_frame: told how many frames have been looked at.
    """
    found = {}
    for i in range(watcher.frames.n_frames):
        found[i] = watcher.look(i, detectors, PLAUSIBLE)
        if on_frame is not None:
            on_frame(i + 1)
    return list(_followed(found, watcher.judged(found)))


def _followed(found: Mapping[int, Detections], said: Mapping[int, Verdict]) -> Iterator[Watched]:
    """Yield what stays, frame by frame, with the numbers of objects."""
    numbers: dict[tuple[int, int], int] = {}
    for i in sorted(found):
        taken: set[int] = set()
        verdict = said[i]
        for k in np.argsort(-verdict.agreement, kind="stable").tolist():
            if found[i].given[k] or not (verdict.moved[k] and verdict.agreement[k] > 0):
                continue
            known = [numbers[o] for o in verdict.supporters[k] if o in numbers and numbers[o] not in taken]
            track = max(set(known), key=known.count) if known else len(set(numbers.values())) + 1
            taken.add(track)
            numbers[i, k] = track
            confidence = float(verdict.agreement[k] / (1 + np.exp(-found[i].scores[k])))
            yield Watched(i, track, verdict.boxes[k], confidence)
