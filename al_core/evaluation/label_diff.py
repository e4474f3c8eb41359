"""Differences between two label sets of the same videos, mask by mask, and agreement of two people's labels."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from operator import itemgetter

from al_core.masks.matching import ANY_OVERLAP, matched
from al_core.masks.rle import iou
from al_core.records import DeliveredMask, Identities, MaskLabel, Provenance

FrameMasks = tuple[int, Sequence[DeliveredMask]]
"""A frame and its masks."""


@dataclass(frozen=True, slots=True)
class MaskChange:
    """One mask that differs between two versions.

    Attributes:
        before, after: where the mask came from; None where the version has none of this track in the frame.
        iou: intersection over union of both masks, in [0, 1]; 0 where one is missing.
        only_said: whether nothing differs but what is said beside the mask.
    """

    frame_idx: int
    track_id: int
    before: Provenance | None
    after: Provenance | None
    iou: float
    only_said: bool = False

    @property
    def what(self) -> str:
        """ "added", "removed", "reshaped", "renamed": the same pixels and another category or provenance, or
        "attributes": only what is said beside the mask differs."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        if self.only_said:
            return "attributes"
        return "reshaped" if self.iou < 1 else "renamed"


@dataclass(frozen=True, slots=True)
class LabelDiff:
    """How two versions of one video differ.

    Attributes:
        n_masks: masks of either version, each frame and track counted once.
        mean_iou: over these, 1 for a mask that is the same, 0 for one that is added or removed; None without masks.
        changes: the masks that differ, the most changed first.
    """

    n_masks: int
    mean_iou: float | None
    changes: tuple[MaskChange, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many masks were added, removed, reshaped and renamed, and of how many only the attributes changed."""
        found = Counter(change.what for change in self.changes)
        return {what: found[what] for what in ("added", "removed", "reshaped", "renamed", "attributes")}


def compare(
    before: Iterable[FrameMasks], after: Iterable[FrameMasks], identities: Identities = Identities.PERSISTENT
) -> LabelDiff:
    """Compare two label sets of a video; frames rise in both, frames without masks may be left out.

    Where tracks hold for one frame only, masks are paired so that the sum of their IoU is greatest.
    """
    n_masks, total = 0, 0.0
    changes: list[MaskChange] = []
    for frame_idx, old, new in _side_by_side(before, after):
        pairs = _by_track(old, new) if identities is Identities.PERSISTENT else _by_overlap(old, new)
        for change, same in (_change(frame_idx, a, b) for a, b in pairs):
            n_masks += 1
            total += change.iou
            if not same:
                changes.append(change)
    changes.sort(key=lambda c: (c.iou, c.frame_idx, c.track_id))
    return LabelDiff(n_masks, total / n_masks if n_masks else None, tuple(changes))


Pair = tuple[DeliveredMask | None, DeliveredMask | None]


def _by_track(old: Sequence[DeliveredMask], new: Sequence[DeliveredMask]) -> list[Pair]:
    olds, news = {m.track_id: m for m in old}, {m.track_id: m for m in new}
    return [(olds.get(track_id), news.get(track_id)) for track_id in sorted(olds.keys() | news.keys())]


def _by_overlap(old: Sequence[DeliveredMask], new: Sequence[DeliveredMask]) -> list[Pair]:
    if not old or not new:
        return [*((mask, None) for mask in old), *((None, mask) for mask in new)]
    paired = dict(matched(iou([m.rle for m in old], [m.rle for m in new]), ANY_OVERLAP))
    found: list[Pair] = [(mask, new[paired[i]] if i in paired else None) for i, mask in enumerate(old)]
    return found + [(None, mask) for i, mask in enumerate(new) if i not in paired.values()]


def _change(frame_idx: int, a: DeliveredMask | None, b: DeliveredMask | None) -> tuple[MaskChange, bool]:
    """Tell how a mask differs, and whether it is the same in both versions."""
    known = b or a
    assert known is not None
    if a is None or b is None:
        before, after = (mask.provenance if mask else None for mask in (a, b))
        return MaskChange(frame_idx, known.track_id, before, after, 0.0), False
    overlap = 1.0 if a.rle == b.rle else float(iou([a.rle], [b.rle])[0, 0])
    same = (a.rle, a.category_id, a.provenance) == (b.rle, b.category_id, b.provenance)
    said = a.attributes == b.attributes
    return MaskChange(frame_idx, known.track_id, a.provenance, b.provenance, overlap, same and not said), same and said


def _side_by_side(
    before: Iterable[FrameMasks], after: Iterable[FrameMasks]
) -> Iterator[tuple[int, Sequence[DeliveredMask], Sequence[DeliveredMask]]]:
    """Yield the frames that either has, in order; both are read once and never held whole."""

    def of(side: int, frames: Iterable[FrameMasks]) -> Iterator[tuple[int, int, Sequence[DeliveredMask]]]:
        return ((frame_idx, side, masks) for frame_idx, masks in frames)

    by_frame = itemgetter(0)
    for frame_idx, found in groupby(merge(of(0, before), of(1, after), key=by_frame), by_frame):
        masks = {side: masks for _, side, masks in found}
        yield frame_idx, masks.get(0, ()), masks.get(1, ())


def likeness(first: Sequence[MaskLabel], second: Sequence[MaskLabel]) -> float:
    """Return the mean intersection over union (J) of the objects that two labels of a frame hold, in [0, 1].

    Objects are paired so that the sum of J is greatest, since two people may number them differently; an object that
    only one of them has counts as 0. Two labels that say "nothing here" agree: 1. Ignore regions are left out.
    """
    ours, theirs = ([m.rle for m in masks if not m.ignore] for masks in (first, second))
    if not ours and not theirs:
        return 1.0
    overlap = iou(ours, theirs)
    return sum(float(overlap[pair]) for pair in matched(overlap)) / max(len(ours), len(theirs))
