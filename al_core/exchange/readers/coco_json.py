"""Read COCO files: instance masks of images, which may be the frames of videos.

A COCO file labels every image that it lists; an image without annotations says that nothing is there. Masks
are polygons or RLE (counts as text or as a list), ``track_id`` (also among ``attributes``) numbers the object; it may
be left out where an image shows one object, or where identities do not last. ``seconds`` of an image is the human time
that it took.

``iscrowd`` alone does not make a region to ignore: CVAT and others write it for every mask that is run-length coded.
Such an annotation is an object if it has a ``track_id`` or a category that is known, and a region to ignore otherwise;
``ignore`` always marks a region to ignore.

The file is read twice, entry by entry: what it lists first, then masks, which are kept as run lengths.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from al_core.errors import BadLabel, UnknownName
from al_core.exchange.drawn import (
    Asked,
    AskedBy,
    DrawnFrame,
    DrawnMask,
    FileContent,
    FrameName,
    image_stem,
    outlines_rle,
    reaches_out,
)
from al_core.exchange.json_items import JsonItems, no_json
from al_core.masks.rle import Rle, area, from_run_lengths, run_lengths
from al_core.records import IGNORE_TRACK


def read_coco(
    path: Path,
    asked_by: AskedBy,
    categories: Sequence[str] | None,
    on_progress: Callable[[float], None] | None = None,
) -> FileContent[DrawnFrame]:
    """Read a COCO file.

    Args:
        asked_by: finds the frame that a name means.
        categories: names that it may use; None for any.
        on_progress: called now and then with the share that was read, in [0, 1].

    Raises:
        BadLabel: nothing of the file can be used; the message names what is wrong with it and what to do.
    """
    return _CocoFile(path, asked_by, categories, on_progress).content()


def read_segmentation(segmentation: Any, height: int, width: int) -> tuple[Rle, int]:
    """Read a mask as COCO's family writes it: polygons, or RLE with counts as text or as a list.

    Nothing of the frame's size is made: files hold masks by the hundred thousand.

    Returns:
        The mask, and how many polygons reach out of the frame.

    Raises:
        BadLabel: it cannot be read, or is of another size.
    """
    try:
        if not isinstance(segmentation, dict):
            outlines = [np.asarray(points, float).reshape(-1, 2) for points in segmentation]
            clipped = sum(reaches_out(points, height, width) for points in outlines)
            return outlines_rle(outlines, height, width), clipped
        size, counts = [int(n) for n in segmentation["size"]], segmentation["counts"]
        if size != [height, width]:
            raise ValueError(f"an RLE of size {size}, expected {[height, width]}")
        if isinstance(counts, str):
            runs = run_lengths(Rle(height, width, counts))
        else:
            runs = np.array([int(n) for n in counts], np.int64)
        if runs.min(initial=0) < 0 or runs.sum() != height * width:
            raise ValueError(f"an RLE over {runs.sum()} pixels, expected {height * width}")
        return from_run_lengths(runs, height, width), 0
    except (BadLabel, KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise BadLabel(f"its segmentation cannot be read: {error}") from None


def category_names(entries: Iterable[Any]) -> dict[str, str]:
    """Return the names of listed categories by id.

    Raises:
        BadLabel: an entry lacks one, or an id has two names.
    """
    names: dict[str, str] = {}
    for listed in entries:
        category_id, name = entry_id(listed, "a category"), str(entry_field(listed, "name", "a category"))
        if names.setdefault(category_id, name) != name:
            raise BadLabel(
                f"category id {category_id} is both {names[category_id]!r} and {name!r}. Give each its own id"
            )
    return names


def entry_id(entry: Any, what: str = "an image") -> str:
    """Return the id of an entry as text."""
    return str(entry_field(entry, "id", what))


def entry_field(entry: Any, name: str, what: str) -> Any:
    """Return a part that an entry has to have.

    Raises:
        BadLabel: it lacks it.
    """
    if not isinstance(entry, dict) or name not in entry:
        raise BadLabel(f"{what} lacks {name!r}: {entry!r:.80}")
    return entry[name]


@dataclass(slots=True)
class _Counts:
    """What was read otherwise than it may have been meant."""

    ignored: int = 0
    emptied: int = 0
    clipped: int = 0

    def notes(self, name: str) -> tuple[str, ...]:
        found = []
        if self.ignored:
            found.append(
                f"{name}: {_many(self.ignored, 'annotation')} taken as regions to ignore (marked as ignore, or "
                "iscrowd without a track_id and without a category of the project); "
                f"{_many(self.emptied, 'frame')} left without an object by that"
            )
        if self.clipped:
            found.append(f"{name}: {_many(self.clipped, 'polygon')} reaching out of the frame, clipped at its edge")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _Annotation:
    """One mask of a file, or why it cannot be read; ``name`` tells it from others and does not count as content."""

    name: str
    region: bool
    track: Any
    category_id: str | None
    rle: Rle | None
    clipped: int
    fault: str
    attributes: tuple[str, ...] = ()

    @property
    def content(self) -> tuple[Any, ...]:
        return self.region, self.track, self.category_id, self.rle, self.fault, self.attributes


@dataclass(slots=True)
class _Image:
    """An image that a file lists, the frame that it means, and its annotations."""

    entry: Mapping[str, Any]
    asked: Asked
    annotations: list[_Annotation] = field(default_factory=list)


def _chosen(images: Sequence[_Image]) -> _Image:
    """Return the image of a frame; of several listings, the one with annotations."""
    told = [image for image in images if image.annotations]
    contents = [[annotation.content for annotation in image.annotations] for image in told]
    if any(content != contents[0] for content in contents[1:]):
        ids = ", ".join(repr(image.entry["id"]) for image in told)
        raise BadLabel(
            f"the frame is listed {len(images)} times (image ids {ids}) with different annotations. "
            "Keep the ones that count"
        )
    return (told or images)[0]


class _CocoFile:
    """One COCO file; a fault in the file as a whole makes it unusable, one in a frame only that frame."""

    def __init__(
        self,
        path: Path,
        asked_by: AskedBy,
        categories: Sequence[str] | None,
        on_progress: Callable[[float], None] | None,
    ) -> None:
        self._name = path.name
        self._path = path
        self._on_progress = on_progress
        self._asked_by = asked_by
        self._known = categories
        self._faults: list[str] = []
        self._counts = _Counts()
        self._categories: dict[str, str] = {}

    def content(self) -> FileContent[DrawnFrame]:
        """Return what the file says; raise BadLabel where none of it can be used."""
        try:
            listed = self._listed()
            by_id = self._by_id(listed["images"])
            self._categories = category_names(listed["categories"])
            self._read_annotations(by_id)
        except BadLabel as error:
            raise BadLabel(f"{self._name}: {error}") from None
        listings: dict[str, list[_Image]] = {}
        for image in by_id.values():
            if image is not None:
                listings.setdefault(image.asked.request_id, []).append(image)
        frames = {}
        for request_id, images in listings.items():
            try:
                frames[request_id] = self._frame(_chosen(images))
            except BadLabel as error:
                self._faults.append(f"{request_id}: {error}")
        if not frames:
            raise BadLabel(f"{self._name}: {'; '.join(self._faults) or 'it lists no images'}")
        faults = tuple(f"{self._name}: {fault}" for fault in self._faults)
        return FileContent(frames, faults, self._counts.notes(self._name))

    # ---- what is listed

    def _entries(self, items: JsonItems, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
        try:
            yield from items.entries(names)
        except TypeError as error:
            raise BadLabel(f"expected a COCO file with images and annotations, got {error}") from None
        except (OSError, ValueError, RecursionError) as error:
            raise BadLabel(no_json(error)) from None

    def _listed(self) -> dict[str, list[Any]]:
        """Return the images and categories of the file."""
        items = JsonItems(self._path)
        found: dict[str, list[Any]] = {"images": [], "categories": []}
        strange = set()
        for key, entry in self._entries(items, tuple(found)):
            if key in found and isinstance(entry, dict):
                found[key].append(entry)
            else:
                strange.add(key)
        for key in ("images", "annotations"):
            if key in strange or key not in items.lists:
                raise BadLabel(f"expected a COCO file, its {key!r} is no list of objects")
        return found

    def _by_id(self, entries: Sequence[Mapping[str, Any]]) -> dict[str, _Image | None]:
        """Return the images by id; None for one that means no frame, or whose id cannot tell it from another."""
        names: dict[str, dict[str, str]] = {}
        for entry in entries:
            file_name = str(entry_field(entry, "file_name", "an image"))
            names.setdefault(entry_id(entry), {}).setdefault(image_stem(file_name), file_name)
        for image_id, found in names.items():
            if len(found) > 1:
                self._faults.append(
                    f"image id {image_id} is there {len(found)} times ({_some(found.values())}), so that its "
                    "annotations belong to no one image. Give each image an id of its own"
                )
        images: dict[str, _Image | None] = {}
        strange: list[str] = []
        for entry in entries:
            image_id = entry_id(entry)
            if image_id in images:
                continue
            images[image_id] = None
            if len(names[image_id]) == 1:
                try:
                    images[image_id] = _Image(entry, self._asked_by(_frame_name(entry)))
                except BadLabel as error:
                    strange.append(str(error).removeprefix(f"{self._name}: "))
        if strange:
            more = f" (and {_many(len(strange) - 1, 'other image')} like it)" if len(strange) > 1 else ""
            self._faults.append(strange[0] + more)
        return images

    # ---- masks

    def _read_annotations(self, images: Mapping[str, _Image | None]) -> None:
        for key, entry in self._entries(JsonItems(self._path, self._on_progress), ("annotations",)):
            if key != "annotations":
                continue
            if not isinstance(entry, dict):
                raise BadLabel("expected a COCO file, its 'annotations' is no list of objects")
            image_id = str(entry_field(entry, "image_id", "an annotation"))
            if image_id not in images:
                raise BadLabel(f"annotation {entry.get('id')} belongs to image {image_id}, which is not listed")
            image = images[image_id]
            if image is not None:
                image.annotations.append(self._annotation(entry, image.asked))

    def _annotation(self, entry: Mapping[str, Any], asked: Asked) -> _Annotation:
        name, fault, rle, clipped = f"annotation {entry.get('id')}", "", None, 0
        try:
            rle, clipped = read_segmentation(entry.get("segmentation"), asked.height, asked.width)
            if not area(rle):
                fault = f"{name} has no pixels within the frame; remove it, or draw the object"
        except BadLabel as error:
            fault = f"{name}: {error}"
        category_id = entry.get("category_id")
        category = None if category_id is None else str(category_id)
        said = _attributes(entry)
        return _Annotation(name, self._is_region(entry), _track(entry), category, rle, clipped, fault, said)

    def _is_region(self, annotation: Mapping[str, Any]) -> bool:
        """Tell whether an annotation is surely a region to ignore and not an object."""
        if annotation.get("ignore") in (1, "1"):
            return True
        name = self._categories.get(str(annotation.get("category_id")))
        named = name is not None if self._known is None else name in self._known
        return annotation.get("iscrowd") in (1, "1") and _track(annotation) is None and not named

    # ---- frames

    def _frame(self, image: _Image) -> DrawnFrame:
        asked, entry = image.asked, image.entry
        size = (entry.get("height", asked.height), entry.get("width", asked.width))
        if size != (asked.height, asked.width):
            frame = _size((asked.height, asked.width))
            raise BadLabel(f"image {entry['file_name']} is listed as {_size(size)}, its frame is {frame}")
        regions = [a for a in image.annotations if a.region]
        objects = [a for a in image.annotations if not a.region]
        tracks = _tracks(objects, asked)
        masks = [DrawnMask(t, self._category(a), _rle(a), a.attributes) for t, a in zip(tracks, objects, strict=True)]
        ignored = [DrawnMask(IGNORE_TRACK, None, _rle(a)) for a in regions]
        seconds = entry.get("seconds")
        if seconds is not None and not (isinstance(seconds, int | float) and seconds >= 0):
            raise BadLabel(f"seconds of image {entry['file_name']} are a number of at least 0, got {seconds!r}")
        self._counts.ignored += len(regions)
        self._counts.emptied += bool(regions) and not objects
        self._counts.clipped += sum(a.clipped for a in image.annotations)
        numbered = not objects or any(a.track is not None for a in objects)
        return DrawnFrame((*masks, *ignored), seconds, numbered)

    def _category(self, annotation: _Annotation) -> str | None:
        if annotation.category_id is None:
            return None
        name = self._categories.get(annotation.category_id)
        if name is None:
            raise BadLabel(f"{annotation.name} has category {annotation.category_id}, which is not listed")
        if self._known is not None and name not in self._known:
            raise BadLabel(f"{UnknownName('category', name, self._known)} New ones go into outbox/tracks.json")
        return name


def _frame_name(entry: Mapping[str, Any]) -> FrameName:
    """Return how an image is named: our own files and others of videos say which frame of which video it is."""
    video, index = entry.get("video"), entry.get("frame_id")
    told = isinstance(video, str) and isinstance(index, int) and index >= 0
    return FrameName(str(entry["file_name"]), str(video) if told else "", index if told else None)


def _tracks(objects: Sequence[_Annotation], asked: Asked) -> list[int]:
    given = [annotation.track for annotation in objects]
    if all(track is None for track in given) and (len(given) < 2 or not asked.lasting):
        return list(range(1, len(given) + 1))
    tracks = [track for track in given if isinstance(track, int) and track > 0]
    if len(tracks) < len(given):
        raise BadLabel(
            f"it shows {len(given)} objects, each needs a track_id (a number from 1 that it keeps in all frames), "
            f"got {given}"
        )
    if len(set(tracks)) < len(tracks):
        raise BadLabel(f"an object appears once in a frame, got track_id {tracks}")
    return tracks


def _rle(annotation: _Annotation) -> Rle:
    if annotation.fault or annotation.rle is None:
        raise BadLabel(annotation.fault)
    return annotation.rle


def _track(annotation: Mapping[str, Any]) -> Any:
    attributes = annotation.get("attributes")
    within = attributes.get("track_id") if isinstance(attributes, dict) else None
    return annotation.get("track_id", within)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _some(names: Iterable[str], most: int = 3) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _size(size: Sequence[int]) -> str:
    return f"{size[0]}x{size[1]} pixels (height x width)"


def _attributes(annotation: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is said to be true of an object, rising; other values than true are not kept."""
    said = annotation.get("attributes")
    return tuple(sorted(str(name) for name, value in said.items() if value is True)) if isinstance(said, dict) else ()
