"""How confidence goes with overlap, measured on the labels alone: every second label is a holdout in turn, and what is
carried to it is compared with it."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from al_core.footage.clips import ClipFrames
from al_core.fusion.combination import combine, propagations
from al_core.masks.overlap import overlaps
from al_core.masks.soft import shrink
from al_core.propagation import Resources
from al_core.propagation.base import Labels, PropagatedFrame

COMBINED = "propagated"
"""Name of what the propagators make together."""


class HeldOut(NamedTuple):
    """One mask that was carried to a holdout label: the propagator's name, or ``COMBINED``, the confidence that it came
    with and the IoU with what people said, in [0, 1]; 0 where they said that the object is not there."""

    source: str
    frame_idx: int
    confidence: float
    overlap: float


def held_out(methods: Sequence[str], resources: Resources, frames: ClipFrames, labels: Labels) -> list[HeldOut]:
    """Carry the labels of every second labelled frame to the others, and the other way round, in order of propagators.

    Each propagator runs twice over the clip. Its labels lie twice as far apart as usual, so its masks are worse; what
    is learnt is how confidence goes with overlap, not how good the masks are. Fewer than two labels teach nothing.
    """
    marks = sorted(labels)
    if len(marks) < 2:
        return []
    return [row for fold in (0, 1) for row in _fold(methods, resources, frames, labels, marks[fold::2])]


def _fold(
    methods: Sequence[str], resources: Resources, frames: ClipFrames, labels: Labels, left_out: Sequence[int]
) -> Iterator[HeldOut]:
    kept = {i: labels[i] for i in labels if i not in set(left_out)}
    arrived = {
        name: {f.frame_idx: f for f in frames_of() if f.frame_idx in set(left_out)}
        for name, frames_of in propagations(methods, resources, frames, kept).items()
    }
    together = combine({name: partial(iter, found.values()) for name, found in arrived.items()}, ())
    arrived[COMBINED] = {f.frame_idx: f for f in together()}
    for name, found in arrived.items():
        for frame in found.values():
            yield from _held_against(name, frame, labels[frame.frame_idx])


def _held_against(name: str, frame: PropagatedFrame, label: Mapping[int, np.ndarray]) -> Iterator[HeldOut]:
    for track, carried in frame.tracks.items():
        overlap = 0.0
        if track in label:
            size = carried.mask.size
            overlap = float(overlaps([carried.mask], [shrink(label[track], size).soft(size)])[0, 0])
        yield HeldOut(name, frame.frame_idx, carried.confidence, overlap)
