"""What a propagator is: what it is given, what it makes, and its one method."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from al_core.footage.clips import ClipFrames
from al_core.masks.soft import SoftMask
from al_core.records import ONE_SHOT, Progress, Shots
from al_core.settings import PropagationSettings
from al_core.stores.predictions import FramePrediction

Labels = Mapping[int, Mapping[int, NDArray[np.bool_]]]
"""frame -> track -> mask, bool [H, W] at any one resolution. A frame that is there says everything about that
frame: a track without a mask in it is not to be seen, and an empty mapping says "nothing here"."""

ENOUGH_LABELS = 8
"""Labels of which it is enough to leave out half: then a propagator is tried once and not twice, with a
training as long as any other."""


@dataclass(frozen=True, eq=False)
class PropagatedTrack:
    """Where an object is in a frame, as far as it could be followed from the labelled frames.

    Attributes:
        mask: probability of each pixel, at the propagator's own size; it may be zero everywhere.
        confidence: in [0, 1], an estimate of the overlap (IoU) with the true mask; 1 for a human mask.
    """

    mask: SoftMask
    confidence: float


@dataclass(frozen=True, eq=False)
class PropagatedFrame:
    """All objects that reached a frame, by track; a pixel's probabilities add up to at most 1, except where labels
    overlap."""

    frame_idx: int
    tracks: Mapping[int, PropagatedTrack]


@dataclass(frozen=True)
class Resources:
    """What a propagator is built from.

    Attributes:
        cache: folder for what may be computed again; it may be shared with other processes, and deleted at any time.
        predictions: the teachers', in rising order of frames at each call; None where there are none.
        seed: of everything that is drawn at random; the same clip, labels and seed give the same masks.
        on_progress: called while long work goes on, such as training.
        shots: of the video; nothing is carried over a cut.
        wanted: frames whose masks will be looked at; others may come as they are cheapest to have. None for all.
        trial: half of the labels is left out, to judge what comes out, and there are so few that they are left out in
            turn; half of a training is enough, and all of it goes on from there.
    """

    settings: PropagationSettings
    cache: Path
    predictions: Callable[[], Iterator[FramePrediction]] | None = None
    seed: int = 0
    on_progress: Callable[[Progress], None] | None = None
    shots: Shots = ONE_SHOT
    wanted: frozenset[int] | None = None
    trial: bool = False


class Replay:
    """Gives propagated frames any number of times, and makes them once if they fit into memory.

    Args:
        make: gives the frames at each call.
        max_bytes: what the masks may take; frames that do not fit are made again at each call.
    """

    def __init__(self, make: Callable[[], Iterator[PropagatedFrame]], max_bytes: int = 256_000_000) -> None:
        self._make = make
        self._max_bytes = max_bytes
        self._kept: list[PropagatedFrame] | None = None

    def __call__(self) -> Iterator[PropagatedFrame]:
        """Yield all frames, in order."""
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[PropagatedFrame] = []
        n_bytes = 0
        for frame in self._make():
            n_bytes += sum(track.mask.values.nbytes for track in frame.tracks.values())
            if n_bytes <= self._max_bytes:
                kept.append(frame)
            else:
                kept.clear()
            yield frame
        if n_bytes <= self._max_bytes:
            self._kept = kept


class Propagator(Protocol):
    """Carries human masks to the frames between, before and after."""

    def propagate(self, frames: ClipFrames, labels: Labels) -> Iterator[PropagatedFrame]:
        """Yield every frame of the clip, in order; memory does not grow with the length of the clip.

        Raises:
            BadLabel: a label for no frame of the clip, or masks of different sizes.
        """
