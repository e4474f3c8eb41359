"""COCO instance segmentation, as pycocotools reads it and mmdet trains on it; lossless.

Two choices matter to those who train on the file: ``iscrowd`` is 0 (with 1, mmdet and COCOeval skip the
object), and ``counts`` is text (mmdet refuses bytes). Annotations are written as they come, so a long video
fills no memory.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from al_core.export.contents import (
    ExportClip,
    ExportOptions,
    LabelledFrame,
    Tally,
    frame_name,
    frame_paths,
    labelled_frames,
    write_frames,
)
from al_core.masks import rle
from al_core.records import DeliveredMask, Identities

ANNOTATIONS = "annotations.json"


def export(
    clips: Sequence[ExportClip],
    categories: Mapping[int, str],
    out: Path,
    options: ExportOptions,
    tally: Tally,
) -> None:
    """Write ``annotations.json`` and ``images/<video>/<frame>.jpg``, or one ``.json`` file without frames.

    Frames and their objects also carry video, frame number, time, object identity, provenance and confidence, under
    names that COCO readers skip (``video_id``, ``frame_id`` and ``instance_id`` are those of COCO-style video sets).
    """
    alone = out.suffix == ".json"
    with_images = options.images and not alone
    tally.total *= 2 if with_images else 1
    path = out if alone else out / ANNOTATIONS
    path.parent.mkdir(parents=True, exist_ok=True)
    with _document(path, _tail(clips, categories, options)) as (annotations, images):
        for clip in clips:
            indices = _write_clip(clip, options, annotations, images, tally)
            if with_images:
                write_frames(clip, frame_paths(clip, indices, out / "images" / clip.video.name), tally)
    tally.files += 1


def annotation(mask: DeliveredMask, annotation_id: int, image_id: int) -> dict[str, Any]:
    """Return what COCO itself asks of one object."""
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": mask.category_id,
        "iscrowd": 0,
        "area": float(rle.area(mask.rle)),
        "bbox": list(rle.box(mask.rle)),
        "segmentation": mask.rle.to_coco(),
    }


def head(categories: Mapping[int, str], options: ExportOptions) -> dict[str, Any]:
    """Return what every file of COCO's family says of itself, with its list of categories by id.

    Certificates of accepted masks stand in its ``info``.
    """
    vouching = {"certificates": list(options.certificates)} if options.certificates else {}
    return {
        "info": {"description": "video masks labelled with fewframes", "version": "1.0", **vouching},
        "licenses": [],
        "categories": [{"id": i, "name": name, "supercategory": "object"} for i, name in sorted(categories.items())],
    }


def file_name(clip: ExportClip, frame_idx: int) -> str:
    """Return the name of a frame's image below the folder of images."""
    return f"{clip.video.name}/{frame_name(clip.video, frame_idx)}.jpg"


class _Sequence:
    """A JSON list that is written as it comes, one item a line."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.count = 0

    def append(self, item: Mapping[str, Any]) -> None:
        self.file.write(("\n" if self.count == 0 else ",\n") + json.dumps(item, separators=(",", ":")))
        self.count += 1


@contextmanager
def _document(path: Path, tail: Mapping[str, Any]) -> Iterator[tuple[_Sequence, list[dict[str, Any]]]]:
    with path.open("w", encoding="utf-8") as file:
        file.write('{"annotations": [')
        images: list[dict[str, Any]] = []
        yield _Sequence(file), images
        file.write('],\n"images": [')
        listed = _Sequence(file)
        for image in images:
            listed.append(image)
        file.write("],\n" + json.dumps(tail, indent=1)[2:] + "\n")


def _tail(clips: Sequence[ExportClip], categories: Mapping[int, str], options: ExportOptions) -> dict[str, Any]:
    videos = [clip.video for clip in clips]
    return head(categories, options) | {
        "videos": [
            {
                "id": video.video_id,
                "name": video.name,
                "width": video.width,
                "height": video.height,
                "length": video.n_frames,
                "fps": f"{video.fps.numerator}/{video.fps.denominator}",
            }
            for video in videos
        ]
    }


def _write_clip(
    clip: ExportClip,
    options: ExportOptions,
    annotations: _Sequence,
    images: list[dict[str, Any]],
    tally: Tally,
) -> list[int]:
    indices = []
    for frame in labelled_frames(clip, options, tally):
        if not frame.labelled:
            continue
        indices.append(frame.frame_idx)
        image_id = len(images) + 1
        images.append(_image(clip, frame, image_id, options))
        for mask in frame.masks:
            item = annotation(mask, annotations.count + 1, image_id)
            annotations.append(item | (_extra(clip, mask) if options.extra_fields else {}))
        tally.count(frame)
    return indices


def _image(clip: ExportClip, frame: LabelledFrame, image_id: int, options: ExportOptions) -> dict[str, Any]:
    video = clip.video
    item: dict[str, Any] = {
        "id": image_id,
        "file_name": file_name(clip, frame.frame_idx),
        "width": video.width,
        "height": video.height,
    }
    if options.extra_fields:
        item |= {
            "video_id": video.video_id,
            "video": video.name,
            "frame_id": frame.frame_idx,
            "human": frame.human,
        }
        if clip.times_us is not None:
            item["time_us"] = int(clip.times_us[frame.frame_idx])
    return item


def _extra(clip: ExportClip, mask: DeliveredMask) -> dict[str, Any]:
    item: dict[str, Any] = {
        "track_id": mask.track_id,
        "video_id": clip.video.video_id,
        "provenance": mask.provenance.value,
        "confidence": round(float(mask.confidence), 6),
    }
    if clip.video.identities is Identities.PERSISTENT:
        item["instance_id"] = clip.video.video_id * 1_000_000 + mask.track_id
    if mask.attributes:
        item["attributes"] = dict.fromkeys(mask.attributes, True)
    return item
