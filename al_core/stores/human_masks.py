"""What people said of a frame, as masks that are delivered, exported and shown."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from al_core.masks.rle import decode, encode
from al_core.records import IGNORE_TRACK, DeliveredMask, FrameLabel, Provenance


def human_masks(label: FrameLabel) -> list[DeliveredMask]:
    """Return what people said of a frame, byte by byte, ignore regions included."""
    index = label.frame.frame_idx
    return [
        DeliveredMask(index, m.track_id, m.category_id, Provenance.HUMAN, 1.0, m.rle, m.attributes)
        for m in sorted(label.masks, key=lambda m: m.track_id)
    ]


def with_human(masks: Sequence[DeliveredMask], label: FrameLabel) -> list[DeliveredMask]:
    """Return the masks of a frame of which people said something: theirs alone where the label is complete, else theirs
    with those of other objects, less the pixels that are in theirs."""
    if label.complete:
        return human_masks(label)
    ours = [m for m in masks if m.track_id not in label.tracks and m.track_id != IGNORE_TRACK]
    if label.objects and ours:
        free = ~np.logical_or.reduce([decode(m.rle) for m in label.objects])
        left = [(m, decode(m.rle) & free) for m in ours]
        ours = [replace(m, rle=encode(mask)) for m, mask in left if mask.any()]
    return sorted([*ours, *human_masks(label)], key=lambda m: m.track_id)
