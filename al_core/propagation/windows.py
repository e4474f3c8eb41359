"""A clip in windows of frames between its labelled ones, for propagators that solve many frames at once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from al_core.footage.clips import ClipFrames
from al_core.masks.soft import Size, SoftMask, Window, shrink
from al_core.propagation.base import Labels, PropagatedFrame, PropagatedTrack
from al_core.propagation.labelled_clip import human_frame, tracks_of

LENGTH = 48
"""Frames that are solved at once, at most, besides labelled ones."""

KEPT = 36
"""Of these, what is kept where another window follows; the rest is solved again, with what comes after it."""

Known = NDArray[np.float32]
"""Masks of a frame, [k, h, w] in [0, 1]."""


@dataclass(frozen=True, eq=False)
class FrameEstimate:
    """What a window says of a frame: each object's probability, float32 [k, h, w]; mean entropy of a pixel in nats."""

    probability: Known
    entropy: float


Solve = Callable[[range, Mapping[int, Known]], list[FrameEstimate]]
"""(frames, the known ones among them) -> an estimate of every frame."""


def estimates(n_frames: int, known: Mapping[int, Known], solve: Solve) -> Iterator[tuple[int, FrameEstimate]]:
    """Yield every frame that is not known, in order.

    At most one window is held at a time, and one frame for each window of the widest gap.

    A gap of more than ``LENGTH`` frames between two known ones is cut in the middle: each half continues from its own
    known frame, window by window.
    """
    for start, end in pairwise([-1, *sorted(known), n_frames]):
        if end - start < 2:
            continue
        before, after = known.get(start), known.get(end)
        if end - start - 1 <= LENGTH:
            given = {i: k for i, k in ((start, before), (end, after)) if k is not None}
            found = solve(range(max(start, 0) if before is not None else start + 1, min(end, n_frames - 1) + 1), given)
            offset = start if before is not None else start + 1
            yield from ((i, found[i - offset]) for i in range(start + 1, end))
            continue
        cut = end if after is None else start + 1 if before is None else (start + 1 + end) // 2
        if before is not None:
            yield from _solved_forward(start, cut, before, solve)
        if after is not None:
            yield from _solved_backward(cut, end, after, solve)


def _solved_forward(start: int, stop: int, before: Known, solve: Solve) -> Iterator[tuple[int, FrameEstimate]]:
    """Yield frames after ``start`` and before ``stop``, from a known one before them."""
    while start + 1 < stop:
        last = min(start + LENGTH, stop - 1)
        found = solve(range(start, last + 1), {start: before})
        kept = last if last == stop - 1 else start + KEPT
        yield from ((i, found[i - start]) for i in range(start + 1, kept + 1))
        start, before = kept, _as_known(found[kept - start])


def _solved_backward(first: int, end: int, after: Known, solve: Solve) -> Iterator[tuple[int, FrameEstimate]]:
    """Yield frames from ``first`` to before ``end``, in rising order, from a known one after them: walked twice, once
    to note what arrives at each window."""
    arriving = {end: after}
    ends = [end]
    while end - first > LENGTH:
        found = solve(range(end - LENGTH, end + 1), {end: arriving[end]})
        end -= KEPT
        arriving[end] = _as_known(found[LENGTH - KEPT])
        ends.append(end)
    at = first
    for end in reversed(ends):
        start = max(end - LENGTH, first)
        found = solve(range(start, end + 1), {end: arriving.pop(end)})
        yield from ((i, found[i - start]) for i in range(at, end))
        if ends[0] != end:
            yield end, found[-1]
        at = end + 1


def _as_known(estimate: FrameEstimate) -> Known:
    """Return what the next window takes as known."""
    return (estimate.probability > 0.5).astype(np.float32)


def propagated(frames: ClipFrames, labels: Labels, size: Size, solve: Solve, trust: float) -> Iterator[PropagatedFrame]:
    """Yield every frame of a clip, human masks among them, with the estimates of a solver between.

    Args:
        size: (height, width) of the masks.
        trust: what is left of the confidence with each frame from the nearest label.
    """
    tracks = tracks_of(labels)
    marks = sorted(labels)
    between = estimates(frames.n_frames, known_masks(labels, size), solve) if tracks else iter(())
    for frame_idx in range(frames.n_frames):
        if frame_idx in labels:
            yield human_frame(labels, frame_idx, size)
        elif not tracks:
            yield PropagatedFrame(frame_idx, {})
        else:
            found = next(between)[1].probability
            kept = trust ** min(abs(frame_idx - m) for m in marks)
            yield PropagatedFrame(frame_idx, _tracks(tracks, found, kept))


def _tracks(tracks: list[int], probability: Known, kept: float) -> dict[int, PropagatedTrack]:
    made = {}
    for track, mask in zip(tracks, probability, strict=True):
        soft = SoftMask.of(mask)
        if soft.values.size and soft.values.max() > 127:
            made[track] = PropagatedTrack(soft, min(kept * expected_overlap(mask), 1.0))
    return made


def expected_overlap(mask: NDArray[np.float32]) -> float:
    """Return the overlap (IoU) of a mask cut at 0.5 with the truth, if each pixel of the mask, float32 [h, w], is as
    probable as it says: expected intersection over expected union."""
    inside = mask > 0.5
    either = np.count_nonzero(inside) + float(mask[~inside].sum())
    return float(mask[inside].sum()) / either if either else 0.0


def known_masks(labels: Labels, size: Size) -> dict[int, Known]:
    """Return labels as arrays [k, h, w], tracks in rising order; a track that a frame lacks is zero there."""
    whole = Window(0, 0, size[1], size[0])
    known: dict[int, Known] = {}
    for i, masks in labels.items():
        planes = [shrink(masks[t], size).on(whole) if t in masks else np.zeros(size) for t in tracks_of(labels)]
        known[i] = np.array(planes, np.float32).reshape(-1, *size)
    return known


def entropy_of(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the entropy over the objects, last axis, and the background, in nats: float32 [..., k] -> [...]."""
    background = np.clip(1 - probability.sum(axis=-1, keepdims=True), 0, 1)
    whole = np.clip(np.concatenate([probability, background], axis=-1), 1e-6, 1)
    whole = whole / whole.sum(axis=-1, keepdims=True)
    return np.asarray(-(whole * np.log(whole)).sum(axis=-1), np.float32)
