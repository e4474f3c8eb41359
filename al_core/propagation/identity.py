"""Persistent identities for labels whose numbers hold within one frame only, as is usual for cells.

The objects of each labelled frame are carried to the next one, and paired there one to one so that the sum of
overlaps is greatest (Hungarian method, Kuhn 1955).
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import count

import numpy as np

from al_core.footage.clips import ClipFrames
from al_core.masks.matching import matched
from al_core.masks.overlap import overlaps
from al_core.masks.rle import decode
from al_core.masks.soft import shrink
from al_core.propagation.base import Propagator
from al_core.propagation.labelled_clip import carried_to
from al_core.records import FrameLabel

LEAST_OVERLAP = 0.1
"""Objects that overlap less are different ones."""


def link_identities(frames: ClipFrames, labels: Iterable[FrameLabel], propagator: Propagator) -> list[FrameLabel]:
    """Return the same labels, objects numbered from 1 so that one object keeps its number over the labelled frames.

    Ignore regions stay as they are. Masks of different categories are never one object.

    Args:
        frames: the clip.
        labels: any number of frames of it; track numbers count within a frame only.
        propagator: carries masks from one labelled frame to the next.
    """
    new = count(1)
    linked: list[FrameLabel] = []
    for label in sorted(labels, key=lambda label: label.frame):
        known = _continued(frames, linked[-1], label, propagator) if linked else {}
        numbers = {m.track_id: known[m.track_id] if m.track_id in known else next(new) for m in label.objects}
        masks = tuple(m if m.ignore else replace(m, track_id=numbers[m.track_id]) for m in label.masks)
        linked.append(FrameLabel(label.frame, masks))
    return linked


def _continued(frames: ClipFrames, earlier: FrameLabel, later: FrameLabel, propagator: Propagator) -> dict[int, int]:
    """Return the number in the later frame -> track, for the objects that come from the earlier frame."""
    if not earlier.objects or not later.objects:
        return {}
    known = {earlier.frame.frame_idx: {m.track_id: decode(m.rle) for m in earlier.objects}}
    arrived = carried_to(frames, known, later.frame.frame_idx, propagator)
    size = next((t.mask.size for t in arrived.tracks.values()), None)
    if size is None:
        return {}
    before = [m for m in earlier.objects if m.track_id in arrived.tracks]
    overlap = overlaps(
        [arrived.tracks[m.track_id].mask for m in before],
        [shrink(decode(m.rle), size).soft(size) for m in later.objects],
    )
    same = np.equal.outer([m.category_id for m in before], [m.category_id for m in later.objects])
    pairs = matched(np.where(same, overlap, 0), LEAST_OVERLAP)
    return {later.objects[j].track_id: before[i].track_id for i, j in pairs}
