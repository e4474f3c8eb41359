"""What was discovered in a project where nobody has labelled, as the masks that people start from.

It lies where predictions lie, as those of round 0, which asked nobody.
"""

from collections.abc import Sequence
from pathlib import Path

from al_core.ledger.campaign.categories import standing
from al_core.ledger.store import Ledger
from al_core.masks.rle import iou
from al_core.masks.soft import encode_patch, patch_of, resample
from al_core.project import Project
from al_core.records import DeliveredMask, Provenance
from al_core.stores.predictions import PredictedObject, read_predictions

DISCOVERY_ROUND = 0
"""The number of the round that holds what was discovered."""

USUAL = "motion"
"""What looks for objects where the settings name nothing; its files do not tell its name."""

SAME = 0.5
"""Overlap (IoU) from which something discovered is what people are shown already."""


def place_of(project: Project, video_id: int, way: str, labels_sha256: str = "") -> Path:
    """Return the file of what was discovered in a video: its name tells in which way, and from which labels, if any."""
    name = f"{video_id:05d}{'' if way == USUAL else f'-{way}'}{f'-{labels_sha256[:12]}' if labels_sha256 else ''}"
    return project.round_dir(DISCOVERY_ROUND) / "predictions" / f"{name}.parquet"


def from_labels(place: str) -> bool:
    """Tell whether what lies in a file was discovered starting from what people gave."""
    return place.count("-") == 2


def beside(shown: Sequence[DeliveredMask], discovered: Sequence[DeliveredMask]) -> list[DeliveredMask]:
    """Return what is shown of a frame, and what was discovered in it that is not among that already."""
    numbers = {mask.track_id for mask in shown}
    fresh = [mask for mask in discovered if mask.track_id not in numbers]
    if not shown or not fresh:
        return [*shown, *fresh]
    overlaps = iou([mask.rle for mask in fresh], [mask.rle for mask in shown]).max(axis=1)
    return [*shown, *(mask for mask, overlap in zip(fresh, overlaps, strict=True) if overlap < SAME)]


def discovered_masks(
    project: Project, ledger: Ledger, video_id: int, frame_indices: Sequence[int]
) -> dict[int, list[DeliveredMask]]:
    """Return what was discovered in frames of a video, at full resolution, by frame; frames without are left out.

    Masks of categories that were merged since have the category that it is now, those of removed ones are left out.
    """
    with ledger.held():
        path = ledger.prediction_path(DISCOVERY_ROUND, video_id)
        if path is None:
            return {}
        video, ended = ledger.video_numbered(video_id), ledger.ended_categories()
    size = (video.height, video.width)
    found = {}
    for frame in read_predictions(project.absolute(path), frame_indices):
        masks = [_shown(frame.frame_idx, seen, size) for seen in frame.objects]
        if kept := list(standing(masks, ended)):
            found[frame.frame_idx] = kept
    return found


def discovered_tracks(project: Project, ledger: Ledger, video_id: int) -> set[int]:
    """Return the numbers of the objects that were discovered in a video."""
    path = ledger.prediction_path(DISCOVERY_ROUND, video_id)
    if path is None:
        return set()
    return {seen.track_id for frame in read_predictions(project.absolute(path)) for seen in frame.objects}


def _shown(frame_idx: int, seen: PredictedObject, size: tuple[int, int]) -> DeliveredMask:
    mask = encode_patch(resample(patch_of(seen.soft_mask), seen.soft_mask.size, size), size)
    return DeliveredMask(frame_idx, seen.track_id, seen.category_id, Provenance.DISCOVERED, seen.existence, mask)
