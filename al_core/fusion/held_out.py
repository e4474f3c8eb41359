"""What propagators are worth, measured on the labels alone: every second label is a holdout in turn, and what is
carried to it from the others is compared with it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from al_core.evaluation.evidence import UNKNOWN, Evidence
from al_core.footage.clips import ClipFrames
from al_core.fusion.combination import Runs, combine, propagations
from al_core.masks.overlap import overlaps
from al_core.masks.soft import shrink
from al_core.propagation import Resources
from al_core.propagation.base import ENOUGH_LABELS, Labels, PropagatedFrame
from al_core.propagation.labelled_clip import Without

COMBINED = "propagated"
"""Name of what the propagators make together."""

FOLDS = 2


class HeldOut(NamedTuple):
    """One object of a holdout label, or one mask that was carried to it.

    Attributes:
        source: the propagator's name, or ``COMBINED``.
        confidence: that the mask came with, in [0, 1]; 0 where none came.
        overlap: IoU with what people said, in [0, 1]; 0 where they said that the object is not there.
        exact: IoU that what people said is expected to have with the truth, in (0, 1].
        judges: how much it counts where propagators are compared, in [0, 1].
    """

    source: str
    frame_idx: int
    track: int
    confidence: float
    overlap: float
    exact: float = 1.0
    judges: float = 1.0


@dataclass(frozen=True, eq=False)
class Trial:
    """A propagator on the labels of a video.

    Attributes:
        found: what came to each label from those that were not left out with it, by frame.
        seconds: that it took.
    """

    name: str
    found: Mapping[int, PropagatedFrame]
    seconds: float


def held_out(
    methods: Sequence[str],
    resources: Resources,
    frames: ClipFrames,
    labels: Labels,
    evidence: Evidence = UNKNOWN,
) -> list[HeldOut]:
    """Carry the labels of every second labelled frame to the others, and the other way round, in order of propagators.

    Each propagator runs twice over the clip. Its labels lie twice as far apart as usual, so its masks are worse; what
    is learnt is how confidence goes with overlap, not how good the masks are. Objects that nothing was carried of are
    left out. Fewer than two labels teach nothing.
    """
    if len(labels) < FOLDS:
        return []
    trials = [tried(name, resources, frames, labels) for name in methods]
    rows = [row for trial in [*trials, together(trials)] for row in judged(trial, labels, evidence)]
    return [row for row in rows if row.confidence]


def tried(
    name: str,
    resources: Resources,
    frames: ClipFrames,
    labels: Labels,
    folds: int = FOLDS,
    clock: Callable[[], float] = time.perf_counter,
    run: Runs = propagations,
) -> Trial:
    """Let one propagator carry every second label to the others, and the other way round.

    A label whose shot has no other one is not judged: nothing could be carried to it.

    Args:
        labels: at least two.
        folds: 1 to leave out the second, the fourth, ... only.
        run: makes what a propagator makes of the clip.
    """
    started = clock()
    found: dict[int, PropagatedFrame] = {}
    marks = sorted(labels)
    for fold in range(FOLDS)[-folds:]:
        left_out = set(marks[fold::FOLDS])
        kept = Without(labels, left_out)
        reached = {resources.shots.shot_of(mark) for mark in kept}
        left_out = {mark for mark in left_out if resources.shots.shot_of(mark) in reached}
        if not left_out:
            continue
        looked_at = replace(resources, wanted=frozenset(left_out), trial=len(labels) < ENOUGH_LABELS)
        (frames_of,) = run([name], looked_at, frames, kept).values()
        found |= {f.frame_idx: f for f in frames_of() if f.frame_idx in left_out}
    return Trial(name, {mark: found[mark] for mark in sorted(found)}, clock() - started)


def together(trials: Sequence[Trial]) -> Trial:
    """Return what the propagators of some trials, at least one, make together."""
    combined = combine({trial.name: partial(iter, trial.found.values()) for trial in trials}, ())
    return Trial(COMBINED, {f.frame_idx: f for f in combined()}, sum(trial.seconds for trial in trials))


def judged(trial: Trial, labels: Labels, evidence: Evidence = UNKNOWN) -> Iterator[HeldOut]:
    """Yield how what came to each label compares with it: each object that people saw, and each mask of another.

    Args:
        evidence: how the labels were made.
    """
    for frame_idx, frame in trial.found.items():
        label = labels[frame_idx]
        for track in sorted(label.keys() | frame.tracks.keys()):
            carried, overlap = frame.tracks.get(track), 0.0
            if carried is not None and track in label:
                size = carried.mask.size
                overlap = float(overlaps([carried.mask], [shrink(label[track], size).soft(size)])[0, 0])
            confidence = 0.0 if carried is None else carried.confidence
            exact, judges = evidence.exact(frame_idx, track), evidence.judges(frame_idx, track)
            yield HeldOut(trial.name, frame_idx, track, confidence, overlap, exact, judges)
