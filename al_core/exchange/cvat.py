"""CVAT's format "CVAT for images 1.1": one XML file with the masks of many frames.

A mask is given by the lengths of its runs within its box, row by row, beginning with what is not painted. Frames are
found by their names, which therefore never change. CVAT overwrites where a mask came from, so masks are compared with
what was sent to tell whose work they are (``al_core/exchange/drawn.py``).

CVAT lists every frame of a task, also those that nobody has looked at. A frame that comes back as it was sent is an
answer only when it carries the tag ``DONE``; ``read_cvat`` tells whether it does.
"""

import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, SubElement, indent, tostring

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from numpy.typing import NDArray

from al_core.errors import BadLabel
from al_core.exchange.attributes import OCCLUDED, names_for
from al_core.exchange.drawn import (
    IGNORE_NAME,
    Asked,
    AskedBy,
    DrawnFrame,
    FileContent,
    FrameName,
    Region,
    drawn_frame,
    outline_mask,
    reaches_out,
)
from al_core.masks.rle import decode
from al_core.records import FrameLabel, MaskLabel

DONE = "frame done"
"""The tag that says: this frame is right as it is."""

NUMBER = "number"
"""The attribute that numbers an object; 0 means that it has no number."""

LARGEST_FILE = 256 * 2**20
"""Bytes; a larger XML file is refused before it is read."""

_LARGEST_NUMBER = 2**31 - 1
_MOST_POINTS = 100_000


@dataclass(frozen=True, slots=True)
class CvatFrame:
    """One frame of a file.

    Attributes:
        done: a person tagged it as right.
    """

    drawn: DrawnFrame
    done: bool


@dataclass(frozen=True, slots=True)
class SentFrame:
    """One frame to be labelled.

    Attributes:
        name: of the image file, without folder; it never changes.
        label: prelabels; None to start from nothing.
    """

    name: str
    height: int
    width: int
    label: FrameLabel | None = None


def label_specs(categories: Iterable[str], attributes: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the labels of a CVAT task, as its constructor takes them.

    Args:
        attributes: what may be said of objects, as the settings name it; each is a box to tick, but for "occluded",
            which CVAT knows.
    """
    limits = ["0", str(_LARGEST_NUMBER), "1"]
    number = {"name": NUMBER, "mutable": False, "input_type": "number", "default_value": "0", "values": limits}
    kinds = [
        {"name": name, "type": "any", "attributes": [number, *(_tick(said) for said in _ticked(attributes, name))]}
        for name in categories
    ]
    ignore = {"name": IGNORE_NAME, "type": "any", "attributes": []}
    return [*kinds, ignore, {"name": DONE, "type": "tag", "attributes": []}]


def _ticked(attributes: Sequence[str], category: str) -> list[str]:
    return [name for name in names_for(attributes, category) if name not in (OCCLUDED, NUMBER)]


def _tick(name: str) -> dict[str, Any]:
    return {"name": name, "mutable": True, "input_type": "checkbox", "default_value": "false", "values": ["false"]}


def write_cvat(
    task: str, frames: Sequence[SentFrame], category_names: Mapping[int, str], attributes: Sequence[str] = ()
) -> bytes:
    """Return prelabels as XML; a mask without a pixel has no element.

    Args:
        task: its name.
        category_names: by category id.
        attributes: what may be said of objects, as for :func:`label_specs`; nothing else is written.
    """
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    _write_meta(SubElement(root, "meta"), task, len(frames), label_specs(category_names.values(), attributes))
    for i, frame in enumerate(frames):
        size = {"width": str(frame.width), "height": str(frame.height)}
        image = SubElement(root, "image", {"id": str(i), "name": frame.name, **size})
        for z, mask in enumerate(frame.label.masks if frame.label else ()):
            name = IGNORE_NAME if mask.ignore else category_names[mask.category_id]
            _write_mask(image, mask, z, name, attributes)
    indent(root)
    return tostring(root, encoding="utf-8", xml_declaration=True)


def encode_cvat(mask: NDArray[np.bool_]) -> tuple[list[int], int, int, int, int] | None:
    """Return (runs, left, top, width, height) of a mask of shape [h, w]; None where it has no pixel."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    top, left, bottom, right = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    flat = np.asarray(mask[top:bottom, left:right], bool).ravel()
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flat)).astype(np.int8)))
    runs = np.diff(np.concatenate(([0], edges, [flat.size])))
    return runs.tolist(), left, top, right - left, bottom - top


def decode_cvat(
    runs: Sequence[int], left: int, top: int, width: int, height: int, frame: tuple[int, int]
) -> NDArray[np.bool_]:
    """Decode a mask from the lengths of its runs within a box.

    Args:
        frame: (height, width) of the frame in pixels.

    Returns:
        bool [h, w] at the size of the frame.

    Raises:
        BadLabel: the box leaves the frame, or the runs do not fill it.
    """
    inside = left >= 0 and top >= 0 and left + width <= frame[1] and top + height <= frame[0]
    if not inside or width < 1 or height < 1:
        raise BadLabel(f"a mask's box {left, top, width, height} (left, top, width, height) leaves the frame {frame}")
    if min(runs, default=0) < 0 or sum(runs) != width * height:
        raise BadLabel(f"the runs of a mask tell {sum(runs)} pixels, its box has {width * height}")
    found = np.zeros(frame, bool)
    values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    found[top : top + height, left : left + width] = values.reshape(height, width)
    return found


def read_cvat(path: Path, asked_by: AskedBy) -> FileContent[CvatFrame]:
    """Read an XML file, or a zip with ``annotations.xml`` in it, as CVAT exports them.

    Args:
        asked_by: finds the frame that a name means.

    Raises:
        BadLabel: nothing of the file can be used; the message names what is wrong with it and what to do.
    """
    try:
        root = cvat_root(path)
        if root.find("track") is not None:
            raise BadLabel("it holds tracks; export in the format 'CVAT for images 1.1'")
        content = _frames(list(root.iter("image")), asked_by)
    except BadLabel as error:
        raise BadLabel(_named(path, error)) from None
    except (ValueError, OverflowError) as error:
        raise BadLabel(f"{path.name}: cannot be read ({error!r})") from None
    faults = tuple(_named(path, fault) for fault in content.faults)
    if faults and not content.frames:
        raise BadLabel("; ".join(faults))
    return FileContent(content.frames, faults, tuple(_named(path, note) for note in content.notes))


def cvat_root(path: Path) -> Element:
    """Return the parsed content of an XML file, or of a zip with ``annotations.xml`` in it.

    Raises:
        BadLabel: it cannot be read, or is none of CVAT's.
    """
    try:
        root = _parsed(_content(path))
        if root.tag != "annotations":
            raise BadLabel(f"expected <annotations>, got <{root.tag}>; export in the format 'CVAT for images 1.1'")
    except BadLabel as error:
        raise BadLabel(_named(path, error)) from None
    return root


def _named(path: Path, message: object) -> str:
    return str(message) if str(message).startswith(path.name) else f"{path.name}: {message}"


def _frames(images: Sequence[Element], asked_by: AskedBy) -> FileContent[CvatFrame]:
    """Read images one by one; one with a fault leaves the others."""
    frames: dict[str, CvatFrame] = {}
    faults, strange, notes = [], [], []
    twice: set[str] = set()
    for image in images:
        try:
            asked = asked_by(FrameName(image.attrib["name"]))
        except (BadLabel, KeyError) as error:
            strange.append(str(error))
            continue
        try:
            regions = _regions(image, asked)
            done = any(part.tag == "tag" and part.get("label") == DONE for part in image)
            frame = CvatFrame(drawn_frame(asked, [region for region, _ in regions]), done)
        except (BadLabel, KeyError, ValueError, OverflowError) as error:
            reason = str(error) if isinstance(error, BadLabel) else f"cannot be read ({error!r})"
            faults.append(reason if reason.startswith(asked.request_id) else f"{asked.request_id}: {reason}")
            continue
        if frames.setdefault(asked.request_id, frame) != frame:
            twice.add(asked.request_id)
        clipped = sum(reaches for _, reaches in regions)
        if clipped:
            notes.append(f"{asked.request_id}: polygons reaching out of the frame, clipped at its edge: {clipped}")
    faults += [f"{one}: the frame is there twice with different masks. Keep one of them" for one in sorted(twice)]
    if strange:
        more = f" (and {len(strange) - 1} other images like it)" if len(strange) > 1 else ""
        faults.append(strange[0] + more)
    return FileContent({i: f for i, f in frames.items() if i not in twice}, tuple(faults), tuple(notes))


def _parsed(content: bytes) -> Element:
    try:
        # Nothing from outside may grow, or reach for other files.
        return fromstring(content, forbid_dtd=True)
    except DefusedXmlException:
        raise BadLabel("XML with a document type or entities is refused; remove the <!DOCTYPE ...>") from None
    except (ParseError, LookupError) as error:
        raise BadLabel(f"cannot be read as XML ({error}). Export it again") from None


def _content(path: Path) -> bytes:
    """Read the XML, no further than is allowed."""
    if path.suffix.lower() != ".zip":
        with path.open("rb") as file:
            return _limited(file.read)
    try:
        with zipfile.ZipFile(path) as archive, archive.open("annotations.xml") as file:
            return _limited(file.read)
    except KeyError:
        raise BadLabel("the zip holds no annotations.xml; export in the format 'CVAT for images 1.1'") from None
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError) as error:
        raise BadLabel(f"the zip cannot be read ({error}). Copy it again") from None


def _limited(read: Callable[[int], bytes]) -> bytes:
    content = read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise BadLabel(f"the XML is larger than {LARGEST_FILE >> 20} MiB; export fewer frames at a time")
    return content


def _regions(image: Element, asked: Asked) -> list[tuple[Region, bool]]:
    """Return each region of an image with whether it reaches out of the frame."""
    size = (int(image.attrib["height"]), int(image.attrib["width"]))
    if size != (asked.height, asked.width):
        raise BadLabel(
            f"the image is {size[0]}x{size[1]} pixels (height x width), its frame is "
            f"{asked.height}x{asked.width}. Upload the frames as they are given"
        )
    return [_region(part, asked) for part in image if part.tag != "tag"]


def _region(part: Element, asked: Asked) -> tuple[Region, bool]:
    size = (asked.height, asked.width)
    pixels = shape_mask(part, size)
    out = part.tag == "polygon" and reaches_out(_corners(part), *size)
    numbers = [float(a.text or "0") for a in part.findall("attribute") if a.get("name") == NUMBER]
    number = numbers[0] if numbers else 0.0
    if not 0 <= number <= _LARGEST_NUMBER or number % 1:
        raise BadLabel(f"the number of an object is a whole number from 1, got {number:g}")
    return Region(int(number) or None, part.attrib["label"], pixels, said_of(part)), out


def said_of(part: Element) -> tuple[str, ...]:
    """Return what is said to be true of a shape, rising."""
    ticked = {a.get("name", "") for a in part.findall("attribute") if (a.text or "").strip().lower() == "true"}
    return tuple(sorted(ticked | ({OCCLUDED} if part.get("occluded") == "1" else set())))


def shape_mask(part: Element, frame: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels of a mask or a polygon, bool [h, w] at the size of the frame, (height, width).

    Raises:
        BadLabel: it is another shape, or does not fit the frame.
        KeyError, ValueError: it lacks a part, or a part is no number.
    """
    if part.tag not in ("mask", "polygon"):
        raise BadLabel(f"expected masks and polygons, got a {part.tag}; remove it, or draw the object as a mask")
    if part.tag == "polygon":
        return outline_mask(_corners(part), *frame)
    runs = [int(run) for run in part.attrib["rle"].split(",")]
    left, top, width, height = (int(part.attrib[name]) for name in ("left", "top", "width", "height"))
    return decode_cvat(runs, left, top, width, height, frame)


def _corners(part: Element) -> NDArray[np.float64]:
    """Return the corners (x, y) of a polygon, float [n, 2]."""
    corners = part.attrib["points"].split(";")
    if len(corners) > _MOST_POINTS:
        raise BadLabel(f"a polygon has {len(corners)} corners, at most {_MOST_POINTS} are read")
    return np.array([[float(value) for value in corner.split(",")] for corner in corners])


def _write_mask(image: Element, mask: MaskLabel, z: int, name: str, attributes: Sequence[str]) -> None:
    coded = encode_cvat(decode(mask.rle))
    if coded is None:
        return
    runs, left, top, width, height = coded
    place = {"left": left, "top": top, "width": width, "height": height, "z_order": z}
    element = SubElement(
        image,
        "mask",
        {
            "label": name,
            "source": "auto",
            "occluded": "1" if OCCLUDED in mask.attributes else "0",
            "rle": ", ".join(map(str, runs)),
            **{key: str(value) for key, value in place.items()},
        },
    )
    if not mask.ignore:
        SubElement(element, "attribute", name=NUMBER).text = str(mask.track_id)
        for said in _ticked(attributes, name):
            SubElement(element, "attribute", name=said).text = "true" if said in mask.attributes else "false"


def _write_meta(meta: Element, task: str, size: int, specs: Sequence[Mapping[str, Any]]) -> None:
    described = SubElement(meta, "task")
    SubElement(described, "name").text = task
    SubElement(described, "size").text = str(size)
    SubElement(described, "mode").text = "annotation"
    labels = SubElement(described, "labels")
    for spec in specs:
        label = SubElement(labels, "label")
        SubElement(label, "name").text = spec["name"]
        SubElement(label, "type").text = spec["type"]
        attributes = SubElement(label, "attributes")
        for given in spec["attributes"]:
            attribute = SubElement(attributes, "attribute")
            for key in ("name", "mutable", "input_type", "default_value"):
                SubElement(attribute, key).text = str(given[key])
            SubElement(attribute, "values").text = "\n".join(given["values"])
