"""Read CVAT's XML: "CVAT for images 1.1" and "CVAT for video 1.1".

CVAT for images lists every frame of a task, also those that nobody has looked at: one without a shape and without the
tag that our projects have for it is passed over. CVAT for video lists tracks; a frame in which a track has a shape, or
is said to be outside, is labelled.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from al_core.errors import BadLabel
from al_core.exchange.cvat import NUMBER, cvat_root, read_cvat, said_of, shape_mask
from al_core.exchange.drawn import IGNORE_NAME, Asked, AskedBy, DrawnFrame, FileContent, FrameName
from al_core.exchange.readers.gathering import Gatherer
from al_core.masks.rle import encode
from al_core.records import IGNORE_TRACK


def read_cvat_labels(path: Path, asked_by: AskedBy) -> FileContent[DrawnFrame]:
    """Read an XML file, or a zip with ``annotations.xml`` in it.

    Raises:
        BadLabel: nothing of it can be used.
    """
    root = cvat_root(path)
    if root.find("track") is not None:
        return _tracks(root, path, asked_by)
    content = read_cvat(path, asked_by)
    kept = {key: frame.drawn for key, frame in content.frames.items() if frame.drawn.masks or frame.done}
    left = len(content.frames) - len(kept)
    notes = (f"{path.name}: frames without a shape, which nobody may have looked at, passed over: {left:,}",)
    if not kept and not content.faults:
        raise BadLabel(f"{path.name}: no frame has a shape")
    return FileContent(kept, content.faults, (*content.notes, *(notes if left else ())))


def _tracks(root: Element, path: Path, asked_by: AskedBy) -> FileContent[DrawnFrame]:
    gathered = Gatherer(path.name, _by_either(asked_by, path))
    video = _text(root, "source") or _text(root, "name")
    for place, track in enumerate(root.iter("track"), start=1):
        label, number = track.get("label", ""), _number(track, place)
        for shape in track:
            if shape.get("frame") is None:
                continue
            asked = gathered.frame(FrameName("", video, int(shape.attrib["frame"])))
            if asked is not None and shape.get("outside") != "1":
                _add(gathered, asked, shape, number, label)
    return gathered.content()


def _by_either(asked_by: AskedBy, path: Path) -> AskedBy:
    """Return what finds a frame by the video that the file names, else by the name of the file itself."""

    def find(name: FrameName) -> Asked:
        try:
            return asked_by(name)
        except BadLabel:
            return asked_by(FrameName("", path.stem, name.index))

    return find


def _add(gathered: Gatherer, asked: Asked, shape: Element, number: int, label: str) -> None:
    try:
        mask = shape_mask(shape, (asked.height, asked.width))
    except (BadLabel, KeyError, ValueError, OverflowError) as error:
        reason = str(error) if isinstance(error, BadLabel) else f"cannot be read ({error!r})"
        gathered.fault(asked, f"track {number}: {reason}")
        return
    ignored = label == IGNORE_NAME
    gathered.add(asked, IGNORE_TRACK if ignored else number, None if ignored else label, encode(mask), said_of(shape))
    if shape.get("keyframe") == "0":
        gathered.note("shapes that CVAT interpolated between key frames, taken as they stand: {n}")


def _number(track: Element, place: int) -> int:
    """Return the number of a track: what its attribute says, else its place in the file."""
    return next((number for number in _given(track) if number > 0), place)


def _given(track: Element) -> Iterator[int]:
    for attribute in track.iter("attribute"):
        if attribute.get("name") == NUMBER and (attribute.text or "").strip().isdecimal():
            yield int(attribute.text or "0")


def _text(root: Element, name: str) -> str:
    found = root.find(f"meta//{name}")
    return (found.text or "").strip() if found is not None else ""
