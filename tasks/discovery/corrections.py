"""What people said of discovered objects in some frames of a video, applied to the same objects in its other frames."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from al_core.ledger.store import Ledger
from al_core.masks.rle import decode, encode, iou
from al_core.project import Project
from al_core.records import DeliveredMask, FrameLabel, Provenance
from tasks.discovery.found_masks import SAME, discovered_masks

Said = tuple[int, int] | None
"""Number and category of the object that it is; None where people deleted it."""

Corrections = Mapping[int, Said]
"""By the number of the discovered object; of others nothing was said."""


def corrections_in(project: Project, ledger: Ledger, video_id: int) -> Corrections:
    """Return what the labels of a video say of the objects that were discovered in it.

    An object that overlaps one that people drew by :data:`~tasks.discovery.found_masks.SAME` is that one; one that
    overlaps none in a frame of which all is labelled was deleted. Where frames differ, most of them count.
    """
    labels = {label.frame.frame_idx: label for label in ledger.human_labels(video_id)}
    found = discovered_masks(project, ledger, video_id, sorted(labels)) if labels else {}
    votes: defaultdict[int, Counter[Said]] = defaultdict(Counter)
    for frame_idx, masks in found.items():
        for mask in masks:
            said = _said_of(mask, labels[frame_idx])
            if said is not None or labels[frame_idx].complete:
                votes[mask.track_id][said] += 1
    return {track: counts.most_common(1)[0][0] for track, counts in votes.items()}


def corrected(masks: Sequence[DeliveredMask], corrections: Corrections) -> list[DeliveredMask]:
    """Return masks of a frame of which the discovered ones are named as people named them in other frames.

    Those that people deleted are left out, and parts of one object are one mask.
    """
    kept: dict[int, DeliveredMask] = {}
    for mask in masks:
        if mask.provenance is Provenance.DISCOVERED:
            said = corrections.get(mask.track_id, (mask.track_id, mask.category_id))
            if said is None:
                continue
            mask = replace(mask, track_id=said[0], category_id=said[1])
        before = kept.get(mask.track_id)
        kept[mask.track_id] = mask if before is None else _together(before, mask)
    return list(kept.values())


def has_discovered(masks: Iterable[DeliveredMask]) -> bool:
    """Tell whether any mask was discovered."""
    return any(mask.provenance is Provenance.DISCOVERED for mask in masks)


def _said_of(mask: DeliveredMask, label: FrameLabel) -> Said:
    if not label.objects:
        return None
    overlaps = iou([mask.rle], [drawn.rle for drawn in label.objects])[0]
    best = int(np.argmax(overlaps))
    drawn = label.objects[best]
    return (drawn.track_id, drawn.category_id) if overlaps[best] >= SAME else None


def _together(first: DeliveredMask, second: DeliveredMask) -> DeliveredMask:
    """Return one mask for two of the same object; what was delivered stays as it is."""
    if not (has_discovered([first]) and has_discovered([second])):
        return second if has_discovered([first]) else first
    both = encode(decode(first.rle) | decode(second.rle))
    return replace(first, rle=both, confidence=max(first.confidence, second.confidence))
