"""YouTube-VIS: one annotation per object and video, with a mask (or null) for each frame; lossless."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from al_core.export.coco import file_name, head
from al_core.export.contents import (
    ExportClip,
    ExportOptions,
    LabelledFrame,
    Tally,
    frame_paths,
    labelled_frames,
    one_category,
    write_frames,
)
from al_core.masks import rle
from al_core.records import DeliveredMask, Identities

ANNOTATIONS = "instances.json"


def export(
    clips: Sequence[ExportClip],
    categories: Mapping[int, str],
    out: Path,
    options: ExportOptions,
    tally: Tally,
) -> None:
    """Write ``instances.json`` and ``JPEGImages/<video>/<frame>.jpg``, or one ``.json`` file without frames.

    A video of the file holds the frames that go out, in order; ``frame_indices`` tells which they are. An
    object has one category: the most frequent one of its masks.
    """
    alone = out.suffix == ".json"
    with_images = options.images and not alone
    tally.total *= 2 if with_images else 1
    content = head(categories, options) | {"videos": [], "annotations": []}
    for clip in clips:
        frames = [frame for frame in labelled_frames(clip, options, tally, whole_video=True) if frame.labelled]
        content["videos"].append(_video(clip, frames))
        for track_id, masks in _tracks(frames):
            number = len(content["annotations"]) + 1
            content["annotations"].append(_track(clip, track_id, masks, number, options, tally))
        for frame in frames:
            tally.count(frame)
        if clip.video.identities is Identities.PER_FRAME and frames:
            tally.warnings.append(
                f"{clip.video.name}: object numbers do not persist in its labels, a track may hold several objects"
            )
        if with_images:
            indices = [frame.frame_idx for frame in frames]
            write_frames(clip, frame_paths(clip, indices, out / "JPEGImages" / clip.video.name), tally)
    path = out if alone else out / ANNOTATIONS
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        json.dump(content, file, separators=(",", ":"))
    tally.files += 1


def _video(clip: ExportClip, frames: Sequence[LabelledFrame]) -> dict[str, Any]:
    return {
        "id": clip.video.video_id,
        "name": clip.video.name,
        "width": clip.video.width,
        "height": clip.video.height,
        "length": len(frames),
        "file_names": [file_name(clip, frame.frame_idx) for frame in frames],
        "frame_indices": [frame.frame_idx for frame in frames],
    }


def _tracks(frames: Sequence[LabelledFrame]) -> list[tuple[int, list[DeliveredMask | None]]]:
    """Return the mask of each object in each frame, or None."""
    found: dict[int, dict[int, DeliveredMask]] = {}
    for position, frame in enumerate(frames):
        for mask in frame.masks:
            found.setdefault(mask.track_id, {})[position] = mask
    return [(track, [masks.get(i) for i in range(len(frames))]) for track, masks in sorted(found.items())]


def _track(
    clip: ExportClip,
    track_id: int,
    masks: Sequence[DeliveredMask | None],
    number: int,
    options: ExportOptions,
    tally: Tally,
) -> dict[str, Any]:
    category = one_category(Counter(m.category_id for m in masks if m), track_id, clip.video, tally)
    item = {
        "id": number,
        "video_id": clip.video.video_id,
        "category_id": category,
        "iscrowd": 0,
        "width": clip.video.width,
        "height": clip.video.height,
        "length": len(masks),
        "segmentations": [m.rle.to_coco() if m else None for m in masks],
        "areas": [float(rle.area(m.rle)) if m else None for m in masks],
        "bboxes": [list(rle.box(m.rle)) if m else None for m in masks],
    }
    if options.extra_fields:
        item["track_id"] = track_id
        item["provenances"] = [m.provenance.value if m else None for m in masks]
        item["confidences"] = [round(float(m.confidence), 6) if m else None for m in masks]
    return item
