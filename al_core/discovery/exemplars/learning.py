"""Watch and learn: from a few boxes to many, by detectors and tracks that check each other.

After Misra, Shrivastava and Hebert, "Watch and learn: semi-supervised learning of object detectors from videos" (CVPR
2015): what was drawn need not be all that is there. Detectors of the drawn boxes look at some frames, tracks begin at
what they are sure of, what both agree on teaches the next detectors. Nothing is known of the rest of a frame, so it is
never an example of nothing; only what lies just beside a box that was agreed on is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from al_core.discovery.exemplars.agreement import Detections, Verdict, arrivals, verdicts
from al_core.discovery.exemplars.appearance import Picture, Shape, pyramid, scales_for, windows
from al_core.discovery.exemplars.box_overlap import Boxes, areas, inside, overlaps
from al_core.discovery.exemplars.detectors import Detector, Surroundings, Vectors, detections, trained
from al_core.discovery.exemplars.short_tracks import LEAST_SEEN, Box, Pairs
from al_core.discovery.exemplars.view_groups import views_of
from al_core.footage.clips import ClipFrames

PLAUSIBLE, SURE = -1.0, 1.0
"""Log odds from which a detection may be agreed with, and from which it begins a track."""

VERIFIED = 0.5
"""Agreement from which a box teaches."""

BESIDE = 0.35
"""Overlap (IoU) with every box that is agreed on, up to which a window beside one shows nothing."""

MOST_EXAMPLES, MOST_NOTHING = 120, 600
"""Boxes that teach, at most, those that people drew before others; and windows beside them."""

MOST_LOOKED = 1500
"""Frames of a clip in which boxes are looked for at last, at most."""

LEAST = 0.4
"""Confidence from which a mask is shown. Of what has less, 28 % is right on the footage that this was chosen on, toys
and cdnet-highway; a look costs 2 seconds and a box 7, so what is right less often than 2 times in 7 saves nobody time.
"""

MOST_CHECKED = 6
"""Frames that are complete in which it is counted how much that is sure is wrong, at most."""

SURROUNDING_FRAMES, SURROUNDING_SIZES = 6, 3
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
    """A box that a person drew.

    Attributes:
        track: the object's number within the clip.
    """

    frame_idx: int
    box: Box
    track: int = 0


@dataclass(frozen=True, eq=False)
class Watched:
    """A box that was found, in a frame.

    Attributes:
        track: the object's number within the clip, from 1; that of an example where ``known``.
        confidence: in [0, 1].
    """

    frame_idx: int
    track: int
    known: bool
    box: Box
    confidence: float


@dataclass(eq=False)
class Watcher:
    """Learns from boxes, and finds more like them in a clip.

    Attributes:
        frames, flow: of the clip.
        shots: parts of the clip over whose ends nothing is followed.
        examples: that people drew in it.
        elsewhere: pictures of other clips, each with a box; there is at least one here or there.
        complete: frames in which nothing is but the examples.
        others: boxes of other things, by frame.
    """

    frames: ClipFrames
    flow: Pairs
    shots: Sequence[range]
    examples: Sequence[Example]
    rng: np.random.Generator
    watching: Watching = Watching()
    elsewhere: Sequence[tuple[Picture, Box]] = ()
    complete: frozenset[int] = frozenset()
    others: Mapping[int, Boxes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        drawn = np.stack([*(one.box for one in self.examples), *(box for _, box in self.elsewhere)])
        self.scales = scales_for(drawn, self.watching.beyond)
        self._drawn = by_frame(self.examples)
        self._draws = self.rng.integers(1 << 32, size=self.watching.rounds).tolist()
        self._surroundings = self._look_around()

    def learn(
        self,
        begun: Sequence[Detector] = (),
        rounds_done: int = 0,
        on_round: Callable[[int, Sequence[Detector]], None] | None = None,
    ) -> list[Detector]:
        """Return the detectors after all rounds.

        Args:
            begun: those after ``rounds_done`` rounds, of a learning that was stopped.
            on_round: told how many rounds are done, and the detectors after them.
        """
        detectors = list(begun) if rounds_done else self.first()
        for number in range(rounds_done, self.watching.rounds):
            detectors = self.improved(detectors, np.random.default_rng(self._draws[number]))
            if on_round is not None:
                on_round(number + 1, detectors)
        return detectors

    def first(self) -> list[Detector]:
        """Return detectors of what people drew."""
        return self._detectors([(one.frame_idx, one.box) for one in self.examples])

    def improved(self, detectors: Sequence[Detector], rng: np.random.Generator) -> list[Detector]:
        """Return detectors of what these and tracks agree on: one round of learning."""
        return self._detectors(self._agreed({i: self.look(i, detectors) for i in self.learning_frames()}, rng))

    def look(self, frame_idx: int, detectors: Sequence[Detector], check: bool = False) -> Detections:
        """Return what is found in a frame; what people drew there takes the place of what lies on it.

        Args:
            check: also what cannot be right, as the frame is complete.
        """
        picture = self.frames.read(frame_idx)
        boxes, scores = detections(picture, detectors, PLAUSIBLE)
        given = self._drawn.get(frame_idx, np.zeros((0, 4)))
        known = np.concatenate([given, self.others.get(frame_idx, np.zeros((0, 4)))])
        free = overlaps(boxes, known).max(axis=1, initial=0) < 0.3
        if frame_idx in self.complete and not check:
            free[:] = False
        return Detections(
            np.concatenate([given, boxes[free]]),
            np.concatenate([np.full(len(given), 10.0), scores[free]]),
            np.arange(len(given) + int(free.sum())) < len(given),
        )

    def judged(self, found: Mapping[int, Detections], reach: int | None = None) -> dict[int, Verdict]:
        """Tell how far tracks agree with what was found in the frames that were looked at.

        Args:
            reach: frames over which boxes are followed; by default that of learning.
        """
        reach = reach or self.watching.reach
        said: dict[int, Verdict] = {}
        for shot in self.shots:
            here = {i: found[i] for i in sorted(found) if i in shot}
            begun = [
                (i, k, seen.boxes[k]) for i, seen in here.items() for k in np.flatnonzero(seen.scores >= SURE).tolist()
            ]
            arrived = arrivals(self.flow, self.frames.size, shot, begun, list(here), reach)
            said |= verdicts(here, arrived, shot, reach)
        return said

    def _agreed(self, found: Mapping[int, Detections], rng: np.random.Generator) -> list[tuple[int, Box]]:
        """Return the boxes that teach the next detectors."""
        drawn = [(one.frame_idx, one.box) for one in self.examples]
        if not self.watching.gate:
            sure = [(i, box) for i, seen in found.items() for box in seen.boxes[(seen.scores >= SURE) & ~seen.given]]
            return drawn + _some(sure, MOST_EXAMPLES - len(drawn), rng)
        more = []
        for i, verdict in self.judged(found).items():
            stays = (verdict.agreement >= VERIFIED) & verdict.moved & ~found[i].given
            more += [(i, box) for box in verdict.boxes[stays]]
        return drawn + _some(more, MOST_EXAMPLES - len(drawn), rng)

    def _detectors(self, taught: Sequence[tuple[int, Box]]) -> list[Detector]:
        """Return a detector for each view of the boxes that teach."""
        pictures = {i: self.frames.read(i) for i in sorted({i for i, _ in taught})}
        good = [*((pictures[i], box) for i, box in taught), *self.elsewhere]
        boxes = np.stack([box for _, box in good])
        beside = self._beside(pictures, taught)
        white = self._surroundings.whitening(common := Shape.of(boxes))
        detectors, foreign = [], not taught
        for group in views_of(white(_described(good, common)), boxes, self.watching.views):
            shape = Shape.of(boxes[group])
            look, nothing = _described([good[k] for k in group.tolist()], shape), _described(beside, shape)
            detectors.append(trained(self._surroundings.whitening(shape), look, nothing, self.scales, foreign))
        return detectors

    def _beside(self, pictures: Mapping[int, Picture], taught: Sequence[tuple[int, Box]]) -> list[tuple[Picture, Box]]:
        """Return windows that hold nothing as a whole, each with its picture: beside the boxes that teach, and other
        things."""
        found: list[tuple[Picture, Box]] = []
        for i, picture in pictures.items():
            boxes = np.stack([box for frame_idx, box in taught if frame_idx == i])
            others = self.others.get(i, np.zeros((0, 4)))
            found += [(picture, box) for box in _around(picture, boxes, others)]
        for picture, box in self.elsewhere:
            found += [(picture, near) for near in _around(picture, box[None], np.zeros((0, 4)))]
        return found[:: -(-len(found) // MOST_NOTHING)] if found else []

    def _look_around(self) -> Surroundings:
        """Return what the clip looks like in general, at the sizes at which it is looked at."""
        n = self.frames.n_frames
        some = np.unique(np.linspace(0, n - 1, min(SURROUNDING_FRAMES, n)).round().astype(int)).tolist()
        sizes = self.scales[:: -(-len(self.scales) // SURROUNDING_SIZES)]
        return Surroundings.of([cells for i in some for _, _, cells in pyramid(self.frames.read(i), sizes)])

    def learning_frames(self) -> list[int]:
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
        return sorted(frames | set(some))


def _some(boxes: list[tuple[int, Box]], most: int, rng: np.random.Generator) -> list[tuple[int, Box]]:
    """Return so many of some boxes at most, drawn at random, in order."""
    if len(boxes) <= most:
        return boxes
    return [boxes[k] for k in sorted(rng.choice(len(boxes), max(most, 0), replace=False).tolist())]


def _around(picture: Picture, boxes: Boxes, others: Boxes) -> Boxes:
    """Return windows around boxes of a picture that hold none of them as a whole, and boxes of other things."""
    sides = np.concatenate([boxes[:, 2:] - boxes[:, :2]] * 2, axis=1)
    near = [boxes + sides * np.array([x, y, x, y]) for x, y in _AROUND]
    near += [boxes + sides * np.array([-grown, -grown, grown, grown]) for grown in (-0.25, 0.5)]
    every = np.concatenate([*near, others])
    seen = areas(inside(every, (picture.shape[0], picture.shape[1]))) > LEAST_SEEN * areas(every)
    return every[seen & (overlaps(every, boxes).max(axis=1) <= BESIDE)]


def _described(boxes: Sequence[tuple[Picture, Box]], shape: Shape) -> Vectors:
    """Return what lies in boxes, each with its picture, float32 [n, shape.length]."""
    return np.concatenate(
        [np.zeros((0, shape.length), np.float32), *(windows(picture, box[None], shape) for picture, box in boxes)]
    )


_AROUND = [(x, y) for x in (-0.6, 0, 0.6) for y in (-0.6, 0, 0.6) if x or y] + [
    (x, y) for x in (-1.1, 0, 1.1) for y in (-1.1, 0, 1.1) if x or y
]
"""Ways beside a box, in shares of its sides."""


def by_frame(examples: Sequence[Example]) -> dict[int, Boxes]:
    """Return the boxes of examples by frame, [n, 4] each."""
    frames = sorted({one.frame_idx for one in examples})
    return {i: np.stack([one.box for one in examples if one.frame_idx == i]) for i in frames}


def watch(
    watcher: Watcher, detectors: Sequence[Detector], on_frame: Callable[[int], None] | None = None
) -> list[Watched]:
    """Return what is found in a clip: the boxes on which detectors and tracks agree, without those that people drew.

    Of a clip with more than ``MOST_LOOKED`` frames so many are looked at, evenly spaced.

    Args:
        on_frame: told how many frames are done.
    """
    n = watcher.frames.n_frames
    step = -(-n // MOST_LOOKED)
    found = {}
    for i in range(0, n, step):
        found[i] = watcher.look(i, detectors)
        if on_frame is not None:
            on_frame(min(i + step, n))
    reach = max(watcher.watching.reach, 2 * step)
    share = share_right(watcher, detectors, found, reach)
    seen = _followed(found, watcher.judged(found, reach), watcher.examples)
    return [replace(one, confidence=share * one.confidence) for one in seen]


def share_right(watcher: Watcher, detectors: Sequence[Detector], found: Mapping[int, Detections], reach: int) -> float:
    """Return what share is right of what is sure, in frames in which people drew all that is there, in [0, 1].

    A box that they drew is right where tracks from other frames agree on it, as they would without it; whatever else is
    agreed on there is wrong.

    Args:
        found: by frame that was looked at.
    """
    whole = sorted(watcher.complete & set(found))
    right = wrong = 0
    for i in whole[:: -(-len(whole) // MOST_CHECKED)] if whole else ():
        here = watcher.look(i, detectors, check=True)
        near = {t: seen for t, seen in found.items() if abs(t - i) <= reach}
        verdict = watcher.judged(near | {i: here}, reach)[i]
        sure = verdict.moved & (_confidences(here, verdict) >= LEAST)
        right, wrong = right + int((sure & here.given).sum()), wrong + int((sure & ~here.given).sum())
    return right / (right + wrong) if wrong else 1.0


def _confidences(found: Detections, verdict: Verdict) -> NDArray[np.float64]:
    return np.asarray(verdict.agreement / (1 + np.exp(-found.scores)), np.float64)


def _followed(
    found: Mapping[int, Detections], said: Mapping[int, Verdict], examples: Sequence[Example]
) -> Iterator[Watched]:
    """Yield what stays, frame by frame, with the numbers of objects."""
    numbers: dict[tuple[int, int], tuple[int, bool]] = {}
    for i in sorted({one.frame_idx for one in examples} & set(found)):
        numbers |= {(i, k): (one.track, True) for k, one in enumerate(e for e in examples if e.frame_idx == i)}
    for i in sorted(found):
        taken: set[tuple[int, bool]] = set()
        verdict, confidences = said[i], _confidences(found[i], said[i])
        for k in np.argsort(-verdict.agreement, kind="stable").tolist():
            if found[i].given[k] or not (verdict.moved[k] and verdict.agreement[k] > 0):
                continue
            known = [numbers[o] for o in verdict.supporters[k] if o in numbers and numbers[o] not in taken]
            fresh = (1 + max((number for number, drawn in numbers.values() if not drawn), default=0), False)
            numbers[i, k] = max(known, key=lambda one: (one[1], known.count(one))) if known else fresh
            taken.add(numbers[i, k])
            yield Watched(i, *numbers[i, k], verdict.boxes[k], float(confidences[k]))
