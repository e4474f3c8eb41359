"""Read the files that annotation tools write: index images, and COCO JSON.

An index image numbers the objects of one frame: 0 is background, every other value a track, 255 a region to
ignore (in 16-bit images 255 is a track like any other). A plain grey image that holds nothing but 0 and 255
shows one object in white. An image of zeros says that nothing is there.

A COCO file labels every image that it lists; an image without annotations says that nothing is there. Masks
are polygons or RLE (counts as text or as a list), ``iscrowd`` marks a region to ignore, ``track_id``
numbers the object; it may be left out where an image shows one object, or where identities do not last.
``seconds`` of an image is the human time that it took.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadLabel, UnknownName
from al_core.exchange.drawn import Asked, AskedBy, DrawnFrame, DrawnMask, outline_mask
from al_core.footage.images import read_indices
from al_core.footage.sources import IGNORE_INDEX
from al_core.masks.rle import Rle, encode, run_lengths
from al_core.records import IGNORE_TRACK

SUFFIXES = (".png", ".json")


def read_label_file(path: Path, asked_by: AskedBy, categories: Sequence[str]) -> dict[str, DrawnFrame]:
    """Read one file of either kind.

    Args:
        asked_by: finds the frame by the name of an image, without folder and ending.
        categories: names that a COCO file may use.

    Returns:
        What the file says, by request.

    Raises:
        BadLabel: the file cannot be used; the message names what is wrong with it and what to do.
    """
    suffix = path.suffix.lower()
    if suffix == ".png":
        asked = asked_by(path.stem)
        return {asked.request_id: read_index_image(path, asked)}
    if suffix == ".json":
        return _CocoFile(path, asked_by, categories).frames()
    raise BadLabel(f"{path.name}: expected an index image (.png) or COCO (.json), got {suffix or 'no ending'!r}")


def read_index_image(path: Path, asked: Asked) -> DrawnFrame:
    """Read what an index image says of a frame."""
    values, plain_grey = read_indices(path)
    if values.shape != (asked.height, asked.width):
        frame = _size((asked.height, asked.width))
        raise BadLabel(
            f"{path.name}: the image is {_size(values.shape)}, its frame is {frame}. Draw on the frame as it "
            "is given, without scaling or cropping"
        )
    present = [int(value) for value in np.unique(values) if value]
    if plain_grey and present == [IGNORE_INDEX]:
        return DrawnFrame((DrawnMask(1, None, encode(values == IGNORE_INDEX)),))
    ignored = IGNORE_INDEX if values.dtype == np.uint8 else None
    masks = (DrawnMask(IGNORE_TRACK if v == ignored else v, None, encode(values == v)) for v in present)
    return DrawnFrame(tuple(masks))


class _CocoFile:
    """One COCO file, read whole; any fault makes the whole file unusable."""

    def __init__(self, path: Path, asked_by: AskedBy, categories: Sequence[str]) -> None:
        self._name = path.name
        self._asked_by = asked_by
        content = self._parsed(path)
        self._images = self._list(content, "images")
        self._annotations = self._list(content, "annotations")
        self._categories = self._category_names(content, categories)

    def frames(self) -> dict[str, DrawnFrame]:
        """Return what the file says, by request."""
        mine: dict[Any, list[Mapping[str, Any]]] = {self._field(i, "id", "an image"): [] for i in self._images}
        for annotation in self._annotations:
            image_id = self._field(annotation, "image_id", "an annotation")
            if image_id not in mine:
                raise self._bad(f"annotation {annotation.get('id')} belongs to image {image_id!r}, which is not listed")
            mine[image_id].append(annotation)
        return dict(self._frame(image, mine[image["id"]]) for image in self._images)

    def _frame(self, image: Mapping[str, Any], annotations: Sequence[Mapping[str, Any]]) -> tuple[str, DrawnFrame]:
        asked = self._asked_by(Path(str(self._field(image, "file_name", "an image"))).stem)
        size = (image.get("height", asked.height), image.get("width", asked.width))
        if size != (asked.height, asked.width):
            frame = _size((asked.height, asked.width))
            raise self._bad(f"image {image['file_name']} is listed as {_size(size)}, its frame is {frame}")
        objects = [a for a in annotations if not a.get("iscrowd")]
        tracks = self._tracks(asked, objects)
        masks = [
            DrawnMask(track, self._category(a), self._mask(a, asked)) for track, a in zip(tracks, objects, strict=True)
        ]
        crowd = [DrawnMask(IGNORE_TRACK, None, self._mask(a, asked)) for a in annotations if a.get("iscrowd")]
        seconds = image.get("seconds")
        if seconds is not None and not (isinstance(seconds, int | float) and seconds >= 0):
            raise self._bad(f"seconds of image {image['file_name']} are a number of at least 0, got {seconds!r}")
        return asked.request_id, DrawnFrame((*masks, *crowd), seconds)

    def _tracks(self, asked: Asked, objects: Sequence[Mapping[str, Any]]) -> list[int]:
        given = [a.get("track_id") for a in objects]
        if all(track is None for track in given) and (len(given) < 2 or not asked.lasting):
            return list(range(1, len(given) + 1))
        tracks = [track for track in given if isinstance(track, int) and track > 0]
        if len(tracks) < len(given):
            raise self._bad(
                f"{asked.request_id} shows {len(given)} objects, each needs a track_id (a number from 1 that "
                f"it keeps in all frames), got {given}"
            )
        if len(set(tracks)) < len(tracks):
            raise self._bad(f"{asked.request_id}: an object appears once in a frame, got track_id {tracks}")
        return tracks

    def _mask(self, annotation: Mapping[str, Any], asked: Asked) -> Rle:
        name = f"annotation {annotation.get('id')} of {asked.request_id}"
        mask = self._decoded(annotation.get("segmentation"), asked, name)
        if not mask.any():
            raise self._bad(f"{name} has no pixels; remove it, or draw the object")
        return encode(mask)

    def _decoded(self, segmentation: Any, asked: Asked, name: str) -> NDArray[np.bool_]:
        height, width = asked.height, asked.width
        try:
            if not isinstance(segmentation, dict):
                outlines = [np.asarray(points, float).reshape(-1, 2) for points in segmentation]
                parts = [outline_mask(points, height, width) for points in outlines]
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
            raise self._bad(f"{name}: its segmentation cannot be read: {error}") from None

    def _category(self, annotation: Mapping[str, Any]) -> str | None:
        category_id = annotation.get("category_id")
        if category_id is None:
            return None
        if category_id not in self._categories:
            raise self._bad(f"annotation {annotation.get('id')} has category {category_id!r}, which is not listed")
        return self._categories[category_id]

    def _category_names(self, content: Mapping[str, Any], known: Sequence[str]) -> dict[Any, str]:
        listed = content.get("categories", [])
        names = {self._field(c, "id", "a category"): str(self._field(c, "name", "a category")) for c in listed}
        used = {a.get("category_id") for a in self._annotations if not a.get("iscrowd")}
        for category_id, name in names.items():
            if category_id in used and name not in known:
                raise self._bad(str(UnknownName("category", name, known)))
        return names

    def _parsed(self, path: Path) -> Mapping[str, Any]:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise self._bad(f"cannot be read as JSON ({error}). Copy it again") from None
        if not isinstance(content, dict):
            raise self._bad(f"expected a COCO file with images and annotations, got a {type(content).__name__}")
        return content

    def _list(self, content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        entries = content.get(name)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self._bad(f"expected a COCO file, its {name!r} is no list of objects")
        return entries

    def _field(self, entry: Any, name: str, what: str) -> Any:
        if not isinstance(entry, dict) or name not in entry:
            raise self._bad(f"{what} lacks {name!r}: {entry!r:.80}")
        return entry[name]

    def _bad(self, message: str) -> BadLabel:
        return BadLabel(f"{self._name}: {message}")


def _size(size: Sequence[int]) -> str:
    return f"{size[0]}x{size[1]} pixels (height x width)"
