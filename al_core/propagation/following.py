"""Masks of one frame, carried from frame to frame in one direction while somebody looks.

Nothing is known of the frames ahead, so each frame is ready as soon as it is reached, and work ends where nobody asks
for more.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from al_core.fingerprint import fingerprint
from al_core.footage.clips import ClipFrames
from al_core.masks.rle import Rle
from al_core.masks.soft import Patch, Size, encode_patch, patch_of, resample
from al_core.propagation.base import PropagatedTrack, Propagator
from al_core.propagation.flow import blend, carried_from, step
from al_core.propagation.labelled_clip import check_labels, may_overlap
from al_core.stores.optical_flow import ClipFlow

Masks = Mapping[int, NDArray[np.bool_]]
"""track -> mask, bool [H, W]."""

MOST_LIKELY = 127
"""An object none of whose pixels is likelier to be it than not, of 255, is not to be seen."""


@dataclass(frozen=True, slots=True)
class FollowedMask:
    """Where an object went, at the frame's full resolution; ``confidence`` in [0, 1] estimates the overlap with the
    truth."""

    track_id: int
    rle: Rle
    confidence: float


Follow = Callable[[int, Masks, Sequence[int]], Iterator[list[FollowedMask]]]
"""(frame that is drawn, its masks, frames ahead in the order in which they are reached, the first one its neighbour)
-> the masks in each of these; an object that is lost is not among them."""


@dataclass(frozen=True, eq=False)
class FlowFollower:
    """Carries masks along dense flow, as :class:`~al_core.propagation.flow.FlowPropagator` does beyond the last label.

    Attributes:
        flow: of the clip; pairs of frames that are not kept are worked out one by one.
    """

    flow: ClipFlow

    def __call__(self, start: int, masks: Masks, ahead: Sequence[int]) -> Iterator[list[FollowedMask]]:
        """Yield the masks in each frame ahead (see :data:`Follow`)."""
        shape = _shape(masks)
        friends = may_overlap({start: masks})
        carried, here = carried_from(masks, self.flow.size), start
        for there in ahead:
            carried = step(carried, there, here, self.flow)
            here = there
            yield _found(blend(carried, None, self.flow.size, friends), shape)


@dataclass(frozen=True, eq=False)
class ClipFollower:
    """Carries masks with any propagator that gives frame after frame: the frames ahead are a clip of their own, the
    first frame of which is labelled."""

    propagator: Propagator
    frames: ClipFrames

    def __call__(self, start: int, masks: Masks, ahead: Sequence[int]) -> Iterator[list[FollowedMask]]:
        """Yield the masks in each frame ahead (see :data:`Follow`)."""
        shape, clip = _shape(masks), FramesAhead(self.frames, (start, *ahead))
        check_labels(clip, {0: masks})
        for found in self.propagator.propagate(clip, {0: masks}):
            if found.frame_idx > 0:
                yield _found(found.tracks, shape)


@dataclass(frozen=True)
class FramesAhead:
    """Some frames of a clip in an order of their own, counted from 0."""

    whole: ClipFrames
    order: tuple[int, ...]

    @property
    def sha256(self) -> str:
        """Hash of what is shown, 64 hex digits."""
        return fingerprint([self.whole.sha256, *self.order])

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.order)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a frame in pixels."""
        return self.whole.size

    def read(self, frame_idx: int) -> NDArray[np.uint8]:
        """Return one frame, RGB uint8 [h, w, 3]."""
        return self.whole.read(self.order[frame_idx])


def _shape(masks: Masks) -> Size:
    height, width = next(iter(masks.values())).shape
    return int(height), int(width)


def _found(tracks: Mapping[int, PropagatedTrack], shape: Size) -> list[FollowedMask]:
    found = []
    for track, carried in tracks.items():
        soft = carried.mask
        if soft.values.size and soft.values.max() > MOST_LIKELY:
            patch: Patch = resample(patch_of(soft), soft.size, shape)
            found.append(FollowedMask(track, encode_patch(patch, shape), carried.confidence))
    return found
