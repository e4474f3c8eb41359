"""Masks carried along dense optical flow, from the nearest labelled frame before and after.

Between two labelled frames the masks of the earlier one are carried forward and those of the later one backward, and
the two are blended: the nearer a labelled frame, and the more consistent the path from it, the more it counts. A path
is consistent where going there and back ends where it began (Sundaram, Brox, Keutzer: "Dense Point Trajectories by
GPU-Accelerated Large Displacement Optical Flow", ECCV 2010); where it is not, something was covered or uncovered. Masks
are resampled at every step, which blurs what has become uncertain.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import isqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.footage.clips import ClipFrames
from al_core.masks.soft import NOTHING, Patch, Size, Window, union
from al_core.propagation.base import Labels, PropagatedFrame, PropagatedTrack
from al_core.propagation.labelled_clip import check_labels, exclusive, frames_around, may_overlap, patches_at
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import ClipFlow, Flow, FlowStore

INCONSISTENT = 0.1
"""What is left of a pixel's reliability by a step that does not lead back."""

STEP_RELIABILITY = 0.99
"""What is left of it by a step that does."""

LEAST_RELIABILITY = 0.02
"""So that a path still counts for something where both are lost."""

CALIBRATION = 0.25
"""Exponent that turns the mean of agreement (between the two sides) and reliability into an estimate of the
overlap with the truth. Fitted on 728 frames of 8 DAVIS clips."""

SHORTEST_BLOCK = 128
"""Frames whose backward masks are held at once, at least."""

_BACK_AND_FORTH = (0.01, 0.5)
"""Sundaram's bounds on the squared error: share of the squared motion, and squared pixels."""


@dataclass(frozen=True, eq=False)
class Carried:
    """Masks on their path from a labelled frame, ``distance`` frames away.

    Attributes:
        masks: by track; a track whose mask is gone is left out.
        reliable: float32 [h, w] in [0, 1], how far the path of each pixel can be trusted.
    """

    masks: Mapping[int, Patch]
    reliable: NDArray[np.float32]
    distance: int


@dataclass(frozen=True, eq=False)
class FlowPropagator:
    """Propagation by dense flow."""

    store: FlowStore
    settings: PropagationSettings

    def propagate(self, frames: ClipFrames, labels: Labels) -> Iterator[PropagatedFrame]:
        """Yield every frame of the clip, in order, at the flow's size (see :class:`Propagator`).

        Memory: the masks of at most ``max(128, 2 * sqrt(n))`` frames for the widest gap of n frames.
        """
        check_labels(frames, labels)
        between = partial(self.between, frames, labels)
        yield from frames_around(frames.n_frames, labels, self.flow(frames).size, between)

    def between(self, frames: ClipFrames, labels: Labels, start: int, end: int) -> Iterator[PropagatedFrame]:
        """Yield the frames between two neighbouring labels alone: they depend on no other label.

        Args:
            start: the earlier labelled frame, -1 for the frames before the first one.
            end: the later labelled frame, the number of frames for those after the last one.
        """
        flow = self.flow(frames)
        left = carried_from(labels[start], flow.size) if start >= 0 else None
        after = carried_from(labels[end], flow.size) if end < frames.n_frames else None
        friends = may_overlap({i: labels[i] for i in (start, end) if i in labels})
        for frame_idx, right in _backward(flow, start, end, after):
            left = step(left, frame_idx, frame_idx - 1, flow) if left is not None else None
            yield PropagatedFrame(frame_idx, blend(left, right, flow.size, friends))

    def flow(self, frames: ClipFrames) -> ClipFlow:
        """Return the flow that masks of a clip are carried along."""
        return self.store.clip(frames, self.settings.flow_long_side, self.settings.flow_preset)


def carried_from(masks: Mapping[int, NDArray[np.bool_]], size: Size) -> Carried:
    """Return the masks of a label, before their first step, in a frame of (height, width) ``size``."""
    return Carried(patches_at(masks, size), np.ones(size, np.float32), 0)


def _backward(flow: ClipFlow, start: int, end: int, after: Carried | None) -> Iterator[tuple[int, Carried | None]]:
    """Yield what comes from the later labelled frame, in rising order of frames, though it is made in falling order.

    A long gap is walked twice: once to note what arrives at the end of each block of frames, then block by block.
    """
    if after is None:
        yield from ((i, None) for i in range(start + 1, end))
        return
    length = max(SHORTEST_BLOCK, isqrt(end - start))
    firsts = list(range(start + 1, end, length))
    arriving = {end: after}
    state = after
    for first in reversed(firsts[1:]):
        for frame_idx in range(min(first + length, end) - 1, first - 1, -1):
            state = step(state, frame_idx, frame_idx + 1, flow)
        arriving[first] = state
    for first in firsts:
        last = min(first + length, end)
        state = arriving.pop(last)
        block = []
        for frame_idx in range(last - 1, first - 1, -1):
            state = step(state, frame_idx, frame_idx + 1, flow)
            block.append((frame_idx, state))
        yield from reversed(block)


def step(carried: Carried, here: int, there: int, flow: ClipFlow) -> Carried:
    """Bring masks from frame ``there`` to its neighbour ``here``."""
    if not carried.masks:
        return Carried({}, carried.reliable, carried.distance + 1)
    forward, backward = flow.pair(min(here, there))
    back, forth = (backward, forward) if here > there else (forward, backward)
    span = _span(back)
    moved = {track: _pull(patch, back, span) for track, patch in carried.masks.items()}
    masks = {track: patch for track, patch in moved.items() if patch.values.size}
    return Carried(masks, _reliability(carried.reliable, back, forth), carried.distance + 1)


def _span(flow: Flow) -> tuple[int, int, int, int]:
    """Return (least x, least y, greatest x, greatest y) of the motion, rounded outwards, in pixels."""
    low_x, high_x, *_ = cv2.minMaxLoc(flow[..., 0])
    low_y, high_y, *_ = cv2.minMaxLoc(flow[..., 1])
    return int(np.floor(low_x)), int(np.floor(low_y)), int(np.ceil(high_x)), int(np.ceil(high_y))


def _pull(patch: Patch, back: Flow, span: tuple[int, int, int, int]) -> Patch:
    """Move a patch of the neighbouring frame to where it lies in this one; ``back`` leads from here to there."""
    height, width = back.shape[:2]
    mine = patch.window
    # Which pixels can lead into the patch: x + motion lies in it. What leads out of the frame comes from its edge.
    reach = Window(
        0 if mine.x0 == 0 else mine.x0 - span[2] - 1,
        0 if mine.y0 == 0 else mine.y0 - span[3] - 1,
        width if mine.x1 == width else mine.x1 - span[0] + 1,
        height if mine.y1 == height else mine.y1 - span[1] + 1,
    ).clipped((height, width))
    if reach.empty:
        return NOTHING
    map_x, map_y = _maps(back, reach)
    moved = cv2.remap(patch.values, map_x - mine.x0, map_y - mine.y0, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return Patch(reach.x0, reach.y0, np.asarray(moved, np.float32)).trimmed()


def _maps(back: Flow, window: Window) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return where each pixel of a window comes from, kept within the frame: float32 [h, w] each."""
    height, width = back.shape[:2]
    part = back[window.slices]
    x = part[..., 0] + np.arange(window.x0, window.x1, dtype=np.float32)
    y = part[..., 1] + np.arange(window.y0, window.y1, dtype=np.float32)[:, None]
    return np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)


def leads_back(there: Flow, back: Flow) -> NDArray[np.bool_]:
    """Tell whether the path of each pixel to the neighbouring frame and back ends where it began, bool [h, w]."""
    x, y = targets(there)
    returned = np.asarray(cv2.remap(back, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
    error = _squared_length(there + returned)
    motion = _squared_length(there) + _squared_length(returned)
    height, width = there.shape[:2]
    inside = (x >= -0.5) & (y >= -0.5) & (x <= width - 0.5) & (y <= height - 0.5)
    share, pixels = _BACK_AND_FORTH
    return (error < share * motion + pixels) & inside


def _reliability(reliable: NDArray[np.float32], back: Flow, forth: Flow) -> NDArray[np.float32]:
    """Return how far each pixel's path can be trusted after one more step, float32 [h, w]."""
    carried = cv2.remap(reliable, *targets(back), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    kept = np.where(leads_back(back, forth), np.float32(STEP_RELIABILITY), np.float32(INCONSISTENT))
    return np.asarray(carried * kept, np.float32)


def targets(flow: Flow) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the column and row that each pixel leads to, float32 [h, w] each; they may lie outside."""
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return x, y


def _squared_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the squared length of vectors [h, w, 2], float32 [h, w]."""
    x, y = cv2.split(vectors)
    return np.asarray(x * x + y * y, np.float32)


def blend(
    left: Carried | None, right: Carried | None, size: Size, friends: Mapping[int, frozenset[int]]
) -> dict[int, PropagatedTrack]:
    """Blend both sides, by track; pixels count by how near their label is and how far their path can be trusted.

    Args:
        left, right: what was carried from the label before and from the one after; None where there is none.
        friends: tracks that may overlap, by track.
    """
    sides = [side for side in (left, right) if side is not None]
    tracks = sorted({track for side in sides for track in side.masks})
    if not tracks:
        return {}
    weights = [(side.reliable + np.float32(LEAST_RELIABILITY)) / side.distance for side in sides]
    total = np.add.reduce(weights)
    shares = [weight / total for weight in weights]
    blended = {}
    for track in tracks:
        found = [(side.masks[track], share) for side, share in zip(sides, shares, strict=True) if track in side.masks]
        window = union([patch.window for patch, _ in found])
        values = np.add.reduce([patch.on(window) * share[window.slices] for patch, share in found])
        blended[track] = Patch(window.x0, window.y0, values)
    confidence = {track: _confidence(track, sides) for track in tracks}
    apart = exclusive(blended, size, friends)
    return {t: PropagatedTrack(p.soft(size), confidence[t]) for t, p in apart.items()}


def _confidence(track: int, sides: list[Carried]) -> float:
    """Estimate the overlap with the true mask, in [0, 1]."""
    found = [(side.masks[track], side) for side in sides if track in side.masks]
    trust = max(mean_reliability(side, track) for _, side in found)
    if len(found) == 2:
        return float(((_soft_iou(found[0][0], found[1][0]) + trust) / 2) ** CALIBRATION)
    # Alone: either there is no label on the other side, or it says that the object is not there.
    share = 1.0 if len(sides) == 1 else 1 - found[0][1].distance / sum(side.distance for side in sides)
    return float(trust**CALIBRATION * share)


def mean_reliability(carried: Carried, track: int) -> float:
    """Return how far the path of an object's pixels can be trusted, in [0, 1]; 0 where its mask is gone."""
    patch = carried.masks.get(track, NOTHING)
    weight = patch.values.sum()
    if weight <= 0:
        return 0.0
    return float((patch.values * carried.reliable[patch.window.slices]).sum() / weight)


def _soft_iou(first: Patch, second: Patch) -> float:
    window = union([first.window, second.window])
    a, b = first.on(window), second.on(window)
    return float(np.minimum(a, b).sum() / max(np.maximum(a, b).sum(), np.float32(1e-6)))
