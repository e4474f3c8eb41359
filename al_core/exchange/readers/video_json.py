"""Read YouTube-VIS files: one annotation per object and video, with a mask or null for each frame."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked, AskedBy, DrawnFrame, FileContent, FrameName
from al_core.exchange.json_items import JsonItems, reading_json
from al_core.exchange.readers.coco_json import category_names, entry_field, entry_id, read_segmentation
from al_core.exchange.readers.gathering import Gatherer


def read_youtube_vis(
    path: Path, asked_by: AskedBy, on_progress: Callable[[float], None] | None = None
) -> FileContent[DrawnFrame]:
    """Read a YouTube-VIS file; it labels every frame that its videos list.

    An object's number is its ``track_id``, else its place among the objects of its video.

    Raises:
        BadLabel: nothing of the file can be used.
    """
    try:
        with reading_json(path):
            return _read(path, Gatherer(path.name, asked_by), on_progress).content()
    except TypeError as error:
        raise BadLabel(f"{path.name}: expected an object with videos and annotations ({error})") from None
    except BadLabel as error:
        raise BadLabel(str(error) if str(error).startswith(path.name) else f"{path.name}: {error}") from None


def _read(path: Path, gathered: Gatherer, on_progress: Callable[[float], None] | None) -> Gatherer:
    listed: dict[str, list[Any]] = {"videos": [], "categories": []}
    for key, entry in JsonItems(path).entries(("videos", "categories")):
        if key in listed:
            listed[key].append(entry)
    names = category_names(listed["categories"])
    videos: dict[str, list[Asked | None]] = {}
    for entry in listed["videos"]:
        video_id = entry_id(entry, "a video")
        if video_id in videos:
            raise BadLabel(f"video id {video_id} is there twice. Give each video an id of its own")
        size = (int(entry_field(entry, "height", "a video")), int(entry_field(entry, "width", "a video")))
        videos[video_id] = [gathered.frame(name, size) for name in _frame_names(entry)]
    numbers = dict.fromkeys(videos, 0)
    for key, entry in JsonItems(path, on_progress).entries(("annotations",)):
        if key == "annotations":
            video_id = str(entry_field(entry, "video_id", "an annotation"))
            if video_id not in videos:
                raise BadLabel(f"annotation {entry.get('id')} belongs to video {video_id}, which is not listed")
            numbers[video_id] += 1
            _add_object(gathered, entry, videos[video_id], entry.get("track_id", numbers[video_id]), names)
    return gathered


def _frame_names(entry: Mapping[str, Any]) -> Iterator[FrameName]:
    """Yield how each frame of a listed video is named."""
    files = entry_field(entry, "file_names", "a video")
    indices = entry.get("frame_indices") or []
    known = isinstance(indices, list) and len(indices) == len(files) and "name" in entry
    for place, file in enumerate(files):
        yield FrameName(str(file), str(entry["name"]), int(indices[place])) if known else FrameName(str(file))


def _add_object(
    gathered: Gatherer, entry: Mapping[str, Any], frames: Sequence[Asked | None], number: Any, names: Mapping[str, str]
) -> None:
    segmentations = entry_field(entry, "segmentations", "an annotation")
    name = f"annotation {entry.get('id')}"
    if len(segmentations) != len(frames):
        raise BadLabel(f"{name} has {len(segmentations)} masks, its video lists {len(frames)} frames")
    if not isinstance(number, int) or number < 1:
        raise BadLabel(f"{name}: a track_id is a number from 1, got {number!r}")
    category_id = entry.get("category_id")
    if category_id is not None and str(category_id) not in names:
        raise BadLabel(f"{name} has category {category_id!r}, which is not listed")
    for asked, segmentation in zip(frames, segmentations, strict=True):
        if asked is None or segmentation is None:
            continue
        try:
            rle, clipped = read_segmentation(segmentation, asked.height, asked.width)
        except BadLabel as error:
            gathered.fault(asked, f"{name}: {error}")
            continue
        gathered.add(asked, number, None if category_id is None else names[str(category_id)], rle)
        if clipped:
            gathered.note("polygons reaching out of the frame, clipped at its edge: {n}", clipped)
