"""Read the files that annotation tools write: index images, and COCO JSON.

An index image numbers the objects of one frame: 0 is background, every other value a track, 255 a region to
ignore (in 16-bit images 255 is a track like any other). A plain grey image that holds nothing but 0 and 255
shows one object in white. An image of zeros says that nothing is there.

A COCO file labels every image that it lists; an image without annotations says that nothing is there. Masks
are polygons or RLE (counts as text or as a list), ``track_id`` (also among ``attributes``) numbers the object; it may
be left out where an image shows one object, or where identities do not last. ``seconds`` of an image is the human time
that it took.

``iscrowd`` alone does not make a region to ignore: CVAT and others write it for every mask that is run-length coded.
Such an annotation is an object if it has a ``track_id`` or a category that is known, and a region to ignore otherwise;
``ignore`` always marks a region to ignore.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadLabel, UnknownName
from al_core.exchange.drawn import (
    Asked,
    AskedBy,
    DrawnFrame,
    DrawnMask,
    FileContent,
    image_stem,
    outline_mask,
    reaches_out,
)
from al_core.footage.images import read_indices
from al_core.footage.mask_checks import check_soft_edges, only_ignored, says_ignore
from al_core.footage.sources import IGNORE_INDEX
from al_core.masks.rle import Rle, encode, run_lengths
from al_core.records import IGNORE_TRACK

SUFFIXES = (".png", ".json")


def read_label_file(path: Path, asked_by: AskedBy, categories: Sequence[str]) -> FileContent[DrawnFrame]:
    """Read one file of either kind.

    Args:
        asked_by: finds the frame by the name of an image, without folder and ending.
        categories: names that a COCO file may use.

    Raises:
        BadLabel: nothing of the file can be used; the message names what is wrong with it and what to do.
    """
    suffix = path.suffix.lower()
    if suffix == ".png":
        asked = asked_by(path.stem)
        frame = read_index_image(path, asked)
        bare = bool(frame.masks) and not frame.objects
        notes = (f"{path.name}: nothing but a region to ignore, the frame is left without an object",) if bare else ()
        return FileContent({asked.request_id: frame}, notes=notes)
    if suffix == ".json":
        return _CocoFile(path, asked_by, categories).content()
    raise BadLabel(f"{path.name}: expected an index image (.png) or COCO (.json), got {suffix or 'no ending'!r}")


def read_index_image(path: Path, asked: Asked) -> DrawnFrame:
    """Read what an index image says of a frame.

    Raises:
        BadLabel: the file cannot be read, has another size than the frame, has soft edges, or marks nothing but 255
            without calling it a region to ignore.
    """
    values, plain_grey = read_indices(path)
    if values.shape != (asked.height, asked.width):
        frame = _size((asked.height, asked.width))
        raise BadLabel(
            f"{path.name}: the image is {_size(values.shape)}, its frame is {frame}. Draw on the frame as it "
            "is given, without scaling or cropping"
        )
    check_soft_edges(values, path.name)
    present = [int(value) for value in np.unique(values) if value]
    ignored = IGNORE_INDEX if values.dtype == np.uint8 else None
    if present == [ignored]:
        if plain_grey:
            return DrawnFrame((DrawnMask(1, None, encode(values == IGNORE_INDEX)),))
        if not says_ignore(path):
            raise only_ignored(path.name)
    masks = (DrawnMask(IGNORE_TRACK if v == ignored else v, None, encode(values == v)) for v in present)
    return DrawnFrame(tuple(masks))


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


@dataclass(slots=True)
class _Listing:
    """What a file lists of one frame, once or several times."""

    asked: Asked
    images: list[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]] = field(default_factory=list)

    def chosen(self) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
        """Return the image and its annotations; of several listings, the one with annotations."""
        told = [listed for listed in self.images if listed[1]]
        contents = [[{k: v for k, v in a.items() if k not in ("id", "image_id")} for a in listed[1]] for listed in told]
        if any(content != contents[0] for content in contents[1:]):
            ids = ", ".join(repr(image["id"]) for image, _ in told)
            raise BadLabel(
                f"the frame is listed {len(self.images)} times (image ids {ids}) with different annotations. "
                "Keep the ones that count"
            )
        return (told or self.images)[0]


class _CocoFile:
    """One COCO file; a fault in the file as a whole makes it unusable, one in a frame only that frame."""

    def __init__(self, path: Path, asked_by: AskedBy, categories: Sequence[str]) -> None:
        self._name = path.name
        self._asked_by = asked_by
        self._known = categories
        content = self._parsed(path)
        self._images = self._list(content, "images")
        self._annotations = self._list(content, "annotations")
        self._categories = self._category_names(content)
        self._faults: list[str] = []
        self._counts = _Counts()

    def content(self) -> FileContent[DrawnFrame]:
        """Return what the file says; raise BadLabel where none of it can be used."""
        frames = {}
        for listing in self._listings(self._by_image()):
            try:
                frames[listing.asked.request_id] = self._frame(listing.asked, *listing.chosen())
            except BadLabel as error:
                self._faults.append(f"{listing.asked.request_id}: {error}")
        if not frames:
            raise self._bad("; ".join(self._faults) or "it lists no images")
        faults = tuple(f"{self._name}: {fault}" for fault in self._faults)
        return FileContent(frames, faults, self._counts.notes(self._name))

    def _by_image(self) -> list[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]]:
        """Return each image with its annotations, without those that one id cannot tell apart."""
        mine: dict[str, list[Mapping[str, Any]]] = {self._id(image): [] for image in self._images}
        for annotation in self._annotations:
            image_id = str(self._field(annotation, "image_id", "an annotation"))
            if image_id not in mine:
                raise self._bad(f"annotation {annotation.get('id')} belongs to image {image_id}, which is not listed")
            mine[image_id].append(annotation)
        names: dict[str, dict[str, str]] = {}
        for image in self._images:
            file_name = str(self._field(image, "file_name", "an image"))
            names.setdefault(self._id(image), {}).setdefault(image_stem(file_name), file_name)
        for image_id, found in names.items():
            if len(found) > 1:
                self._faults.append(
                    f"image id {image_id} is there {len(found)} times ({_some(found.values())}), so that its "
                    "annotations belong to no one image. Give each image an id of its own"
                )
        return [(image, mine[self._id(image)]) for image in self._images if len(names[self._id(image)]) == 1]

    def _listings(self, images: Iterable[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]]) -> Iterable[_Listing]:
        """Return the frames that are meant; images that are none of them are a fault together."""
        found: dict[str, _Listing] = {}
        strange: dict[str, str] = {}
        for image, annotations in images:
            try:
                asked = self._asked_by(image_stem(str(image["file_name"])))
            except BadLabel as error:
                strange[str(image["file_name"])] = str(error).removeprefix(f"{self._name}: ")
            else:
                found.setdefault(asked.request_id, _Listing(asked)).images.append((image, annotations))
        if strange:
            more = f" (and {_many(len(strange) - 1, 'other image')} like it)" if len(strange) > 1 else ""
            self._faults.append(next(iter(strange.values())) + more)
        return found.values()

    def _frame(self, asked: Asked, image: Mapping[str, Any], annotations: Sequence[Mapping[str, Any]]) -> DrawnFrame:
        size = (image.get("height", asked.height), image.get("width", asked.width))
        if size != (asked.height, asked.width):
            frame = _size((asked.height, asked.width))
            raise BadLabel(f"image {image['file_name']} is listed as {_size(size)}, its frame is {frame}")
        regions = [a for a in annotations if self._is_region(a)]
        objects = [a for a in annotations if not self._is_region(a)]
        tracks = self._tracks(asked, objects)
        masks = [
            DrawnMask(track, self._category(a), self._mask(a, asked)) for track, a in zip(tracks, objects, strict=True)
        ]
        ignored = [DrawnMask(IGNORE_TRACK, None, self._mask(a, asked)) for a in regions]
        seconds = image.get("seconds")
        if seconds is not None and not (isinstance(seconds, int | float) and seconds >= 0):
            raise BadLabel(f"seconds of image {image['file_name']} are a number of at least 0, got {seconds!r}")
        self._counts.ignored += len(regions)
        self._counts.emptied += bool(regions) and not objects
        return DrawnFrame((*masks, *ignored), seconds)

    def _is_region(self, annotation: Mapping[str, Any]) -> bool:
        """Tell whether an annotation is surely a region to ignore and not an object."""
        if annotation.get("ignore") in (1, "1"):
            return True
        named = self._categories.get(str(annotation.get("category_id"))) in self._known
        return annotation.get("iscrowd") in (1, "1") and _track(annotation) is None and not named

    def _tracks(self, asked: Asked, objects: Sequence[Mapping[str, Any]]) -> list[int]:
        given = [_track(a) for a in objects]
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

    def _mask(self, annotation: Mapping[str, Any], asked: Asked) -> Rle:
        name = f"annotation {annotation.get('id')}"
        mask = self._decoded(annotation.get("segmentation"), asked, name)
        if not mask.any():
            raise BadLabel(f"{name} has no pixels within the frame; remove it, or draw the object")
        return encode(mask)

    def _decoded(self, segmentation: Any, asked: Asked, name: str) -> NDArray[np.bool_]:
        height, width = asked.height, asked.width
        try:
            if not isinstance(segmentation, dict):
                outlines = [np.asarray(points, float).reshape(-1, 2) for points in segmentation]
                parts = [outline_mask(points, height, width) for points in outlines]
                self._counts.clipped += sum(reaches_out(points, height, width) for points in outlines)
                return np.logical_or.reduce([np.zeros((height, width), bool), *parts])
            size, counts = [int(n) for n in segmentation["size"]], segmentation["counts"]
            if size != [height, width]:
                raise ValueError(f"an RLE of size {size}, expected {[height, width]}")
            coded = isinstance(counts, str)
            runs = run_lengths(Rle(height, width, counts)).tolist() if coded else [int(n) for n in counts]
            if min(runs, default=0) < 0 or sum(runs) != height * width:
                raise ValueError(f"an RLE over {sum(runs)} pixels, expected {height * width}")
            return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T
        except (BadLabel, KeyError, TypeError, ValueError, IndexError) as error:
            raise BadLabel(f"{name}: its segmentation cannot be read: {error}") from None

    def _category(self, annotation: Mapping[str, Any]) -> str | None:
        category_id = annotation.get("category_id")
        if category_id is None:
            return None
        name = self._categories.get(str(category_id))
        if name is None:
            raise BadLabel(f"annotation {annotation.get('id')} has category {category_id!r}, which is not listed")
        if name not in self._known:
            raise BadLabel(f"{UnknownName('category', name, self._known)} New ones go into outbox/tracks.json")
        return name

    def _category_names(self, content: Mapping[str, Any]) -> dict[str, str]:
        names: dict[str, str] = {}
        for listed in content.get("categories") or []:
            category_id, name = self._id(listed, "a category"), str(self._field(listed, "name", "a category"))
            if names.setdefault(category_id, name) != name:
                raise self._bad(
                    f"category id {category_id} is both {names[category_id]!r} and {name!r}. Give each its own id"
                )
        return names

    def _parsed(self, path: Path) -> Mapping[str, Any]:
        try:
            # Bytes: a byte order mark then tells the encoding.
            content = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise self._bad(f"cannot be read as JSON ({error}). Copy it again, or export it again") from None
        if not isinstance(content, dict):
            raise self._bad(f"expected a COCO file with images and annotations, got a {type(content).__name__}")
        return content

    def _list(self, content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        entries = content.get(name)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self._bad(f"expected a COCO file, its {name!r} is no list of objects")
        return entries

    def _id(self, entry: Any, what: str = "an image") -> str:
        return str(self._field(entry, "id", what))

    def _field(self, entry: Any, name: str, what: str) -> Any:
        if not isinstance(entry, dict) or name not in entry:
            raise self._bad(f"{what} lacks {name!r}: {entry!r:.80}")
        return entry[name]

    def _bad(self, message: str) -> BadLabel:
        return BadLabel(f"{self._name}: {message}")


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
