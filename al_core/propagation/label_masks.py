"""What every propagator does with labels: check them, bring them to its size, and keep objects apart."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadLabel
from al_core.footage.clips import ClipFrames
from al_core.masks.overlap import rows_of
from al_core.masks.soft import Patch, Size, shrink
from al_core.propagation.base import Labels


def check_labels(frames: ClipFrames, labels: Labels) -> None:
    """Raises ``BadLabel`` for a label of no frame of the clip, or masks of different sizes."""
    wrong = [i for i in labels if not 0 <= i < frames.n_frames]
    if wrong:
        raise BadLabel(f"labels for frames {sorted(wrong)}, the clip has frames 0 to {frames.n_frames - 1}")
    shapes = {mask.shape for masks in labels.values() for mask in masks.values()}
    if len(shapes) > 1:
        raise BadLabel(f"the masks of a clip have one size, got {sorted(shapes)}")


def patches_at(masks: Mapping[int, NDArray[np.bool_]], size: Size) -> dict[int, Patch]:
    """The masks of a label at a smaller size, by track; those that vanish are left out."""
    patches = {track: shrink(mask, size) for track, mask in masks.items()}
    return {track: patch for track, patch in patches.items() if patch.values.size}


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
    """Which objects share pixels in some label, and so may do in between."""
    friends: dict[int, set[int]] = {}
    for masks in labels.values():
        tracks = list(masks)
        if len(tracks) < 2:
            continue
        height, width = masks[tracks[0]].shape
        rows = rows_of([shrink(masks[t], (height, width)).soft((height, width)) for t in tracks], (height, width))
        shared = (rows @ rows.T).tocoo()
        for i, j in zip(shared.row, shared.col, strict=True):
            if i != j:
                friends.setdefault(tracks[i], set()).add(tracks[j])
    return {track: frozenset(others) for track, others in friends.items()}
