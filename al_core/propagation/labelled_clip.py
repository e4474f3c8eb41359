"""What every propagator does with a labelled clip: check it, bring it to the propagator's size, keep objects apart."""

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadLabel
from al_core.footage.clips import ClipFrames
from al_core.footage.images import resized
from al_core.masks.overlap import pixel_rows
from al_core.masks.soft import Patch, Size, shrink
from al_core.propagation.base import Labels, PropagatedFrame, PropagatedTrack, Propagator

Reader = Callable[[int], NDArray[np.uint8]]
"""Gives a frame by its number, RGB uint8 [h, w, 3]."""


def check_labels(frames: ClipFrames, labels: Labels) -> None:
    """Check that labels fit the clip.

    Raises:
        BadLabel: a label for no frame of the clip, or masks of different sizes.
    """
    wrong = [i for i in labels if not 0 <= i < frames.n_frames]
    if wrong:
        raise BadLabel(f"labels for frames {sorted(wrong)}, the clip has frames 0 to {frames.n_frames - 1}")
    shapes = {mask.shape for masks in labels.values() for mask in masks.values()}
    if len(shapes) > 1:
        raise BadLabel(f"the masks of a clip have one size, got {sorted(shapes)}")


def reader(frames: ClipFrames, size: Size) -> Reader:
    """Return what reads the frames of a clip at (height, width) ``size``."""
    return lambda frame_idx: resized(frames.read(frame_idx), size)


def tracks_of(labels: Labels) -> list[int]:
    """Return all tracks of some labels, in rising order."""
    return sorted({track for masks in labels.values() for track in masks})


class Without(Mapping[int, Mapping[int, NDArray[np.bool_]]]):
    """Labels without some of them; masks are decoded when they are asked for, as before."""

    def __init__(self, labels: Labels, left_out: Collection[int]) -> None:
        self._labels = labels
        self._left_out = left_out

    def __getitem__(self, frame_idx: int) -> Mapping[int, NDArray[np.bool_]]:
        if frame_idx in self._left_out:
            raise KeyError(frame_idx)
        return self._labels[frame_idx]

    def __iter__(self) -> Iterator[int]:
        return (i for i in self._labels if i not in self._left_out)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def patches_at(masks: Mapping[int, NDArray[np.bool_]], size: Size) -> dict[int, Patch]:
    """Return the masks of a label at a smaller size, by track; those that vanish are left out."""
    patches = {track: shrink(mask, size) for track, mask in masks.items()}
    return {track: patch for track, patch in patches.items() if patch.values.size}


def human_frame(labels: Labels, frame_idx: int, size: Size) -> PropagatedFrame:
    """Return a labelled frame as propagators give it: the human masks at (height, width) ``size``, with certainty."""
    masks = patches_at(labels[frame_idx], size)
    return PropagatedFrame(frame_idx, {t: PropagatedTrack(p.soft(size), 1.0) for t, p in masks.items()})


def frames_around(
    n_frames: int, labels: Labels, size: Size, between: Callable[[int, int], Iterator[PropagatedFrame]]
) -> Iterator[PropagatedFrame]:
    """Yield every frame of a clip in order, human ones as they are.

    Args:
        size: (height, width) of the masks.
        between: gives the frames between two neighbouring labelled ones, or -1 and ``n_frames`` at the clip's ends.
    """
    for start, end in pairwise([-1, *sorted(labels), n_frames]):
        yield from between(start, end)
        if end in labels:
            yield human_frame(labels, end, size)


def carried_to(frames: ClipFrames, labels: Labels, target: int, propagator: Propagator) -> PropagatedFrame:
    """Carry labels to one frame."""
    first = min(labels)
    # The frames before are not needed: an empty label there keeps the propagator from carrying anything to them.
    known = {first - 1: {}, **labels} if 0 < first < target else labels
    return next(f for f in propagator.propagate(frames, known) if f.frame_idx == target)


def exclusive(masks: Mapping[int, Patch], size: Size, friends: Mapping[int, frozenset[int]]) -> dict[int, Patch]:
    """Scale probabilities down where those of objects that cannot overlap add up to more than 1."""
    if len(masks) == 1:
        return dict(masks)
    total = np.zeros(size, np.float32)
    for patch in masks.values():
        total[patch.window.slices] += patch.values
    scaled = {}
    for track, patch in masks.items():
        rivals = total[patch.window.slices]
        for friend in friends.get(track, frozenset()) & masks.keys():
            rivals = rivals - masks[friend].on(patch.window)
        scaled[track] = patch._replace(values=patch.values / np.maximum(rivals, 1))
    return scaled


def may_overlap(labels: Labels) -> dict[int, frozenset[int]]:
    """Return, by track, the objects that share pixels with it in some label, and so may do in between."""
    friends: dict[int, set[int]] = {}
    for masks in labels.values():
        tracks = list(masks)
        if len(tracks) < 2:
            continue
        rows = pixel_rows([np.flatnonzero(masks[t]) for t in tracks], masks[tracks[0]].size)
        shared = (rows @ rows.T).tocoo()
        for i, j in zip(shared.row, shared.col, strict=True):
            if i != j:
                friends.setdefault(tracks[i], set()).add(tracks[j])
    return {track: frozenset(others) for track, others in friends.items()}
