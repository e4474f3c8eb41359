"""Objects that move by themselves, found in footage that nobody has labelled: the motion teacher.

What optical flow leaves of the camera's motion is evidence, summed along the flow over some frames before and after,
filled in by colours, and cut into connected parts that are followed into objects. Nothing is learnt beforehand. An
object that never moves is not found, and one that stops is lost after a while.

The constants were chosen on the five sequences of DAVIS 2016's training set that docs/discovery.md names.
"""

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.discovery.colours import brightness, guided, with_colours
from al_core.discovery.discoverer import Discoverer, DiscoveryClip, Found, FoundObject
from al_core.discovery.given import Given
from al_core.discovery.moving_objects import Follower, by_frame, stretches
from al_core.discovery.residual import evidence_of, pulled, together
from al_core.footage.clips import ClipFrames
from al_core.footage.images import resized
from al_core.masks.rle import Rle, decode
from al_core.masks.soft import SoftMask
from al_core.records import ONE_SHOT, Shots
from al_core.stores.optical_flow import ClipFlow, FlowStore

Map = NDArray[np.float32]

LONG_SIDE, PRESET = 256, "medium"
"""Of the flow that is looked at."""

DECAY = 0.7
"""What the evidence of a neighbouring frame counts for, of one two frames away its square, and so on."""

STRETCH = 96
"""Frames whose colours are learnt together, and that are held in memory at once."""

AHEAD = 8
"""Frames after a stretch whose evidence is still summed."""


class MotionTeacher(Discoverer):
    """Finds what moves by itself."""

    name = "motion"
    moving = True

    def find(
        self,
        clip: DiscoveryClip,
        given: Given,
        rng: np.random.Generator,
        on_frame: Callable[[int], None] | None = None,
    ) -> Found:
        """Yield every frame with the objects that were found in it, the most certain first; people need give nothing.

        A shot is looked at as a whole before its first frame is yielded; of what was found only codes are kept. Each
        shot has objects of its own.
        """
        yield from moving_in(self.means.flow, clip.frames, clip.shots, on_frame)


def moving_in(
    store: FlowStore, frames: ClipFrames, shots: Shots = ONE_SHOT, on_frame: Callable[[int], None] | None = None
) -> Found:
    """Yield every frame of a clip with what moves by itself (see :meth:`MotionTeacher.find`)."""
    flow = store.clip(frames, LONG_SIDE, PRESET)
    return followed(frames, flow, shots, lambda shot: chances(frames, flow, shot), on_frame)


def followed(
    frames: ClipFrames,
    flow: ClipFlow,
    shots: Shots,
    chances_in: Callable[[range], Iterator[tuple[int, Map]]],
    on_frame: Callable[[int], None] | None,
) -> Found:
    """Yield every frame of a clip with objects: parts that are likely, followed along the flow through their shot.

    Args:
        chances_in: of the frames of a shot, how likely each pixel is an object's, float32 [h, w] at the flow's size.
        on_frame: told how many frames were looked at.
    """
    first_track, looked = 1, 0
    for shot in shots.ranges(frames.n_frames):
        follower = Follower()
        for frame_idx, chance in chances_in(shot):
            follower.add(frame_idx, chance, flow.pair(frame_idx - 1)[1] if frame_idx > shot.start else None)
            looked += 1
            if on_frame is not None:
                on_frame(looked)
        objects = follower.found()
        found = by_frame(objects, first_track)
        first_track += len(objects)
        for frame_idx in shot:
            yield frame_idx, at_full_size(frames, frame_idx, found.get(frame_idx, ()))


def chances(frames: ClipFrames, flow: ClipFlow, shot: range) -> Iterator[tuple[int, Map]]:
    """Yield how likely each pixel of each frame of a shot moves by itself, float32 [h, w] in [0, 1]."""
    before: Map = np.zeros(flow.size, np.float32)
    for part in stretches(shot, STRETCH):
        known = range(part.start, min(part.stop + AHEAD, shot.stop))
        own = [_own(flow, shot, i) for i in known]
        summed = [odds.copy() for odds in own]
        for k, i in enumerate(known):
            if i > shot.start:
                carried = pulled(before, flow.pair(i - 1)[1])
                summed[k] += carried
                before = np.float32(DECAY) * (own[k] + carried) if i < part.stop else before
            else:
                before = np.float32(DECAY) * own[k]
        after: Map = np.zeros(flow.size, np.float32)
        for k, i in reversed(list(enumerate(known))):
            if i + 1 < known.stop:
                carried = pulled(after, flow.pair(i)[0])
                summed[k] += carried
                after = np.float32(DECAY) * (own[k] + carried)
            else:
                after = np.float32(DECAY) * own[k]
        pictures = [resized(frames.read(i), flow.size) for i in part]
        odds = [one * np.float32(1 - DECAY) for one in summed[: len(part)]]
        yield from zip(part, with_colours(odds, pictures), strict=True)


def _own(flow: ClipFlow, shot: range, frame_idx: int) -> Map:
    """Return the log odds that a frame's own pairs give, float32 [h, w]."""
    pairs = []
    if frame_idx + 1 < shot.stop:
        forward, back = flow.pair(frame_idx)
        pairs.append(evidence_of(forward, back))
    if frame_idx > shot.start:
        forward, back = flow.pair(frame_idx - 1)
        pairs.append(evidence_of(back, forward))
    return together(pairs, flow.size)


def at_full_size(
    frames: ClipFrames, frame_idx: int, found: Sequence[tuple[int, float, Rle]]
) -> tuple[FoundObject, ...]:
    """Return objects with masks of the frame's size, whose edges follow those of the picture."""
    if not found:
        return ()
    guide, (height, width) = brightness(frames.read(frame_idx)), frames.size
    objects = []
    for track, confidence, mask in sorted(found, key=lambda one: -one[1]):
        small = decode(mask).astype(np.float32)
        large = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        objects.append(FoundObject(track, confidence, SoftMask.of(guided(large, guide))))
    return tuple(objects)
