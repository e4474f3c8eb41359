"""Label Studio's own JSON: what a project shows, tasks, prelabels, and annotations that come back.

One region is a brush mask or a polygon with a category, and beside it, under the same region id, the number of the
object and what else is said of it. An annotation without regions says that nothing is there.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from numpy.typing import NDArray

from al_core.errors import BadLabel
from al_core.exchange.attributes import all_names
from al_core.exchange.brush_rle import decode_brush, encode_brush
from al_core.exchange.drawn import IGNORE_NAME, Asked, DrawnFrame, Region, drawn_frame, outline_mask
from al_core.masks.rle import decode
from al_core.records import FrameLabel, MaskLabel

IMAGE, BRUSH, POLYGON, NUMBER, SAID = "image", "brush", "polygon", "number", "attributes"
"""Names of the controls; a region says which one it was made with."""

_COLOURS = (
    "#e6194b",
    "#3cb44b",
    "#4363d8",
    "#f58231",
    "#911eb4",
    "#008080",
    "#9a6324",
    "#808000",
    "#f032e6",
    "#000075",
)


def label_config(categories: Iterable[str], attributes: Sequence[str] = ()) -> str:
    """Return the editor's layout: the frame and why it was chosen, brush and polygon by category, object numbers, and
    ticks for what may be said of an object, as the settings name it."""
    names = list(categories)
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Header", value="$why")
    ElementTree.SubElement(view, "Image", name=IMAGE, value=f"${IMAGE}", zoom="true", brightnessControl="true")
    below = ElementTree.SubElement(view, "View", style="display: flex; gap: 3em")
    for title, tag, name in (("Brush", "BrushLabels", BRUSH), ("Polygon", "PolygonLabels", POLYGON)):
        column = ElementTree.SubElement(below, "View")
        ElementTree.SubElement(column, "Header", value=title, size="5")
        control = ElementTree.SubElement(column, tag, name=name, toName=IMAGE)
        for i, category in enumerate(names):
            ElementTree.SubElement(control, "Label", value=category, background=_COLOURS[i % len(_COLOURS)])
        ElementTree.SubElement(control, "Label", value=IGNORE_NAME, background="#888888")
    column = ElementTree.SubElement(below, "View")
    ElementTree.SubElement(column, "Header", value="Number of the object, the same in all frames", size="5")
    ElementTree.SubElement(column, "Number", name=NUMBER, toName=IMAGE, perRegion="true", min="1", step="1")
    if attributes:
        ElementTree.SubElement(column, "Header", value="True of the object", size="5")
        ticks = {"name": SAID, "toName": IMAGE, "perRegion": "true", "choice": "multiple"}
        control = ElementTree.SubElement(column, "Choices", ticks)
        for name in all_names(attributes):
            ElementTree.SubElement(control, "Choice", value=name)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode")


def offered_attributes(config: str) -> list[str]:
    """Return the attributes that a layout offers; of one that is no XML, none."""
    try:
        view = fromstring(config, forbid_dtd=True)
    except (ElementTree.ParseError, DefusedXmlException):
        return []
    return [choice.get("value", "") for choice in view.findall(f".//Choices[@name='{SAID}']/Choice")]


def prediction(label: FrameLabel, category_names: Mapping[int, str], model_version: str) -> dict[str, Any]:
    """Return prelabels; a mask without a pixel is left out.

    Args:
        category_names: by category id.
        model_version: under which name people see them.

    Raises:
        BadLabel: a mask has a category without a name, which Label Studio would take without a word and never show.
    """
    regions = [part for i, mask in enumerate(label.masks) for part in _region(i, mask, category_names)]
    return {"model_version": model_version, "result": regions}


def read_annotation(annotation: Mapping[str, Any], asked: Asked) -> DrawnFrame:
    """Read what one annotation says of a frame.

    Raises:
        BadLabel: it cannot be read, or does not fit the frame.
    """
    result = annotation.get("result")
    if not isinstance(result, list) or not all(isinstance(part, dict) for part in result):
        raise BadLabel(f"{asked.request_id}: expected an annotation with a list of regions")
    try:
        numbers = {part.get("id"): _number(part) for part in result if part.get("type") == "number"}
        said = {part.get("id"): _said(part) for part in result if part.get("type") == "choices"}
        drawn = [part for part in result if part.get("type") not in ("number", "choices")]
        regions = [
            Region(numbers.get(p.get("id")), _category(p), _mask(p, asked), said.get(p.get("id"), ())) for p in drawn
        ]
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadLabel(f"{asked.request_id}: an annotation cannot be read ({error!r})") from None
    except BadLabel as error:
        raise BadLabel(f"{asked.request_id}: {error}") from None
    return drawn_frame(asked, regions, _seconds(annotation.get("lead_time")))


def _region(position: int, mask: MaskLabel, category_names: Mapping[int, str]) -> list[dict[str, Any]]:
    name = IGNORE_NAME if mask.ignore else category_names.get(mask.category_id)
    if name is None:
        raise BadLabel(f"object {mask.track_id} has category {mask.category_id}, which has no name")
    pixels = decode(mask.rle)
    if not pixels.any():
        return []
    common = {
        "id": f"ignore-{position}" if mask.ignore else f"object-{mask.track_id}",
        "to_name": IMAGE,
        "original_width": mask.rle.width,
        "original_height": mask.rle.height,
        "image_rotation": 0,
    }
    value = {"format": "rle", "rle": encode_brush(pixels), "brushlabels": [name]}
    brush = {**common, "type": "brushlabels", "from_name": BRUSH, "value": value}
    number = {**common, "type": "number", "from_name": NUMBER, "value": {"number": mask.track_id}}
    ticked = {**common, "type": "choices", "from_name": SAID, "value": {"choices": list(mask.attributes)}}
    return [brush] if mask.ignore else [brush, number, *([ticked] if mask.attributes else ())]


def _category(part: Mapping[str, Any]) -> str:
    kind = part.get("type")
    if kind not in ("brushlabels", "polygonlabels"):
        raise BadLabel(f"expected regions made with the brush or as polygons, got {kind!r}; remove it and save again")
    names = part["value"].get(kind)
    if not isinstance(names, list) or len(names) != 1:
        raise BadLabel(f"a region has one category, got {names!r}; choose one and save again")
    return str(names[0])


def _mask(part: Mapping[str, Any], asked: Asked) -> NDArray[np.bool_]:
    size = (part.get("original_height"), part.get("original_width"))
    if size != (asked.height, asked.width):
        raise BadLabel(
            f"a region was drawn on an image of {size[0]}x{size[1]} pixels (height x width), the frame is "
            f"{asked.height}x{asked.width}"
        )
    if part.get("image_rotation"):
        raise BadLabel("a region was drawn on the image turned around; turn it back and draw it again")
    value = part["value"]
    if part["type"] == "brushlabels":
        return decode_brush(value["rle"], asked.height, asked.width)
    percent = np.asarray(value["points"], float)
    return outline_mask(percent * [asked.width / 100, asked.height / 100], asked.height, asked.width)


def _number(part: Mapping[str, Any]) -> int | None:
    number = part["value"].get("number")
    if number is None:
        return None
    if isinstance(number, bool) or number != int(number) or not 1 <= number < 2**31:
        raise BadLabel(f"the number of an object is a whole number from 1, got {number!r}")
    return int(number)


def _said(part: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is ticked, rising."""
    return tuple(sorted(map(str, part["value"].get("choices", ()))))


def _seconds(lead_time: Any) -> float | None:
    """Return the time that the editor measured; None where it did not, as for annotations of other programs."""
    if isinstance(lead_time, bool) or not isinstance(lead_time, int | float):
        return None
    return float(lead_time) if math.isfinite(lead_time) and lead_time >= 0 else None
