"""Read MOTS: 16-bit index images whose pixels are class * 1000 + instance, and lines of run-length codes.

A line is ``frame object class height width counts``; frames are counted from 1, class 10 is a region to ignore. A frame
that is such a region as a whole is not labelled. A frame without a line is empty where ``seqinfo.ini`` says how long
the video is, and not labelled otherwise. The names of classes stand in ``classes.json``, which our export writes;
without it car is 1 and pedestrian 2, as in MOTSChallenge.

An object's number is its instance, where no two classes of the video share one, else the whole value.
"""

import json
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as NoIni
from dataclasses import replace
from pathlib import Path

import numpy as np

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked, AskedBy, DrawnFrame, FileContent, FrameName
from al_core.exchange.readers import LabelSource
from al_core.exchange.readers.gathering import Gatherer
from al_core.footage.images import read_indices
from al_core.masks.rle import Rle, encode, run_lengths
from al_core.records import IGNORE_TRACK

_CLASS = 1000
_IGNORE = 10
_USUAL = {"1": "car", "2": "pedestrian"}
_CLASSES = "classes.json"


def mots_sources(folder: Path) -> list[LabelSource]:
    """Return the videos of a MOTS folder: those of ``instances``, else every ``gt.txt``; none where it is no MOTS."""
    instances = folder / "instances" if (folder / "instances").is_dir() else folder
    videos = sorted({file.parent for file in instances.rglob("*.png")}) if instances.name == "instances" else []
    if videos:
        return [_images(video) for video in videos]
    return [_text(file) for file in sorted(folder.rglob("gt.txt"))]


def _images(video: Path) -> LabelSource:
    return LabelSource(video, "mots", lambda asked_by, _: read_mots_images(video, asked_by))


def _text(file: Path) -> LabelSource:
    return LabelSource(file, "mots", lambda asked_by, _: read_mots_text(file, asked_by))


def read_mots_images(video: Path, asked_by: AskedBy) -> FileContent[DrawnFrame]:
    """Read the index images of one video; its folder is called as the video.

    Raises:
        BadLabel: nothing of them can be used.
    """
    names, gathered = _class_names(video), Gatherer(video.name, asked_by)
    for file in sorted(video.glob("*.png")):
        if not file.stem.isdecimal():
            raise BadLabel(f"{file}: expected an image named by the number of its frame, from 1, e.g. 000001.png")
        values, _ = read_indices(file)
        if (values == _IGNORE * _CLASS).all():
            continue
        asked = gathered.frame(FrameName("", video.name, int(file.stem) - 1), (values.shape[0], values.shape[1]))
        if asked is not None:
            for value in (int(v) for v in np.unique(values) if v):
                _add(gathered, asked, value, value // _CLASS, names, encode(values == value))
    return _renumbered(gathered.content())


def read_mots_text(path: Path, asked_by: AskedBy) -> FileContent[DrawnFrame]:
    """Read the lines of one video. It is called as the file, or as the folder above ``gt/gt.txt``.

    Raises:
        BadLabel: nothing of them can be used.
    """
    place = path.resolve()
    video = place.parent.parent.name if place.parent.name == "gt" else place.stem
    names, gathered, told = _class_names(path), Gatherer(path.name, asked_by), set[int]()
    for number, line in enumerate(_lines(path), start=1):
        try:
            frame, value, kind, height, width = (int(part) for part in line[:5])
            rle = Rle(height, width, line[5])
            runs = run_lengths(rle)
        except (ValueError, IndexError, BadLabel) as error:
            raise BadLabel(
                f"{path.name}: line {number} cannot be read ({error}); expected: frame object class height width counts"
            ) from None
        told.add(frame)
        if kind == _IGNORE and len(runs) == 2 and runs[0] == 0:
            continue
        asked = gathered.frame(FrameName("", video, frame - 1), (height, width))
        if asked is not None:
            _add(gathered, asked, value, kind, names, rle)
    for frame in sorted(set(range(1, _length(place) + 1)) - told):
        gathered.frame(FrameName("", video, frame - 1))
    return _renumbered(gathered.content())


def _add(gathered: Gatherer, asked: Asked, value: int, kind: int, names: Mapping[str, str], rle: Rle) -> None:
    """Add an object by its whole value."""
    if kind == _IGNORE or value == _IGNORE * _CLASS:
        gathered.add(asked, IGNORE_TRACK, None, rle)
        return
    gathered.add(asked, value, names.get(str(kind), f"class {kind}"), rle)


def _renumbered(content: FileContent[DrawnFrame]) -> FileContent[DrawnFrame]:
    """Tell objects by their instances, where these are enough to tell them apart."""
    values = {mask.track_id for drawn in content.frames.values() for mask in drawn.objects}
    instances = {value % _CLASS for value in values}
    if len(instances) < len(values) or 0 in instances:
        return content
    frames = {
        key: replace(drawn, masks=tuple(replace(mask, track_id=mask.track_id % _CLASS) for mask in drawn.masks))
        for key, drawn in content.frames.items()
    }
    return replace(content, frames=frames)


def _length(place: Path) -> int:
    """Return how many frames the video of ``gt/gt.txt`` has; 0 where nothing says so."""
    parser = ConfigParser()
    try:
        parser.read(place.parent.parent / "seqinfo.ini", encoding="utf-8-sig")
        return parser.getint("Sequence", "seqLength", fallback=0)
    except (NoIni, ValueError):
        return 0


def _lines(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            if line.strip():
                yield line.split()


def _class_names(place: Path) -> Mapping[str, str]:
    """Return the names of classes by number, from the nearest ``classes.json`` above."""
    for above in list(place.resolve().parents)[:4]:
        file = above / _CLASSES
        if file.is_file():
            try:
                return {str(number): str(name) for number, name in json.loads(file.read_bytes()).items()}
            except (ValueError, AttributeError) as error:
                raise BadLabel(f"{file}: expected names of classes by number as JSON ({error})") from None
    return _USUAL
