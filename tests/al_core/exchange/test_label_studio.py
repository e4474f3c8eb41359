from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given

from al_core.errors import BadLabel
from al_core.exchange.brush_rle import encode_brush
from al_core.exchange.drawn import IGNORE_NAME, Asked, frame_label
from al_core.exchange.label_studio import label_config, offered_attributes, prediction, read_annotation
from al_core.masks.rle import decode, encode
from al_core.records import FrameLabel, FrameRef, MaskLabel
from tests.toys.masks import EMPTY, EXAMPLES, FULL, HOLED, OVER, same_sized

FRAME = FrameRef(1, 3)
ASKED = Asked("r1", 4, 6, lasting=True)
NAMES = {1: "car", 2: 'a "b" & <c>'}
IDS = {name: category for category, name in NAMES.items()}


def label(*masks):
    return FrameLabel(FRAME, tuple(MaskLabel(track, category, encode(mask)) for track, category, mask in masks))


def annotation(sent, seconds=None):
    """What comes back when a person submits masks as they were sent."""
    return {"id": 1, "result": prediction(sent, NAMES, "round 1")["result"], "lead_time": seconds}


def back(sent, asked=ASKED):
    return frame_label(FRAME, read_annotation(annotation(sent), asked), IDS)


@given(same_sized)
def test_there_and_back(stack):
    sent = label(*((i + 1, 1 + i % 2, mask) for i, mask in enumerate(stack)))
    kept = tuple(mask for mask in sent.masks if decode(mask.rle).any())
    assert back(sent, Asked("r1", 5, 7, True)) == FrameLabel(FRAME, kept)


def test_holes_speckles_overlaps_and_full_frames():
    sent = label((1, 1, HOLED), (2, 2, OVER), (5, 1, FULL), (0, 0, OVER))
    assert back(sent) == sent


def test_an_empty_mask_is_left_out_and_an_empty_annotation_says_that_nothing_is_there():
    assert prediction(label((1, 1, EMPTY)), NAMES, "round 1")["result"] == []
    assert back(label()).masks == ()


def test_a_region_says_what_made_it_and_the_number_goes_with_it():
    brush, number = prediction(label((3, 2, HOLED)), NAMES, "round 7")["result"]
    assert (brush["id"], brush["from_name"], brush["to_name"]) == ("object-3", "brush", "image")
    assert (brush["original_width"], brush["original_height"]) == (6, 4)
    assert brush["value"]["brushlabels"] == [NAMES[2]]
    assert (number["id"], number["from_name"], number["value"]) == ("object-3", "number", {"number": 3})


def test_a_category_without_a_name_is_not_sent():
    with pytest.raises(BadLabel, match="object 1 has category 9, which has no name"):
        prediction(label((1, 9, HOLED)), NAMES, "round 1")


def test_the_editor_offers_every_category_with_brush_and_polygon():
    view = ElementTree.fromstring(label_config(NAMES.values()))
    for tag, name in (("BrushLabels", "brush"), ("PolygonLabels", "polygon")):
        control = view.find(f".//{tag}")
        assert (control.get("name"), control.get("toName")) == (name, "image")
        assert [choice.get("value") for choice in control] == [*NAMES.values(), IGNORE_NAME]


def test_what_is_said_of_an_object_goes_along_and_comes_back():
    sent = FrameLabel(FRAME, (MaskLabel(3, 1, encode(HOLED), attributes=("occluded", "parked")),))
    brush, _, said = prediction(sent, NAMES, "round 1")["result"]
    assert (said["id"], said["from_name"]) == (brush["id"], "attributes")
    assert back(sent).masks[0].attributes == ("occluded", "parked")


def test_the_editor_has_a_tick_for_each_attribute():
    config = label_config(NAMES.values(), ["occluded", "car: parked", "bus: parked"])
    assert offered_attributes(config) == ["occluded", "parked"]
    assert offered_attributes(label_config(NAMES.values())) == offered_attributes("<View") == []


def test_a_polygon_in_percent():
    region = {
        "id": "a", "type": "polygonlabels", "original_width": 6, "original_height": 4,
        "value": {"points": [[100 / 6, 25], [500 / 6, 25], [500 / 6, 75], [100 / 6, 75]], "polygonlabels": ["car"]},
    }  # fmt: skip
    (mask,) = read_annotation({"result": [region]}, ASKED).masks
    assert np.array_equal(decode(mask.rle), OVER)


@pytest.mark.parametrize(("lead_time", "seconds"), [(12.5, 12.5), (None, None), ("3", None), (-1, None), (1e999, None)])
def test_seconds(lead_time, seconds):
    assert read_annotation(annotation(label(), lead_time), ASKED).seconds == seconds


def _changed(**changes):
    brush = prediction(label((1, 1, HOLED)), NAMES, "round 1")["result"][0]
    return {"result": [{**brush, **changes}]}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({}, "r1: expected an annotation with a list of regions"),
        ({"result": ["x"]}, "list of regions"),
        (_changed(type="rectanglelabels"), "r1: expected regions made with the brush or as polygons"),
        (_changed(original_width=7), "an image of 4x7 pixels .*, the frame is 4x6"),
        (_changed(image_rotation=90), "turned around"),
        (_changed(value={"rle": encode_brush(HOLED), "brushlabels": []}), "a region has one category"),
        (_changed(value={"rle": encode_brush(HOLED[:2]), "brushlabels": ["car"]}), "holds 12 pixels, its frame 4x6"),
        (_changed(value={"brushlabels": ["car"]}), "cannot be read"),
        (_changed(value=None), "cannot be read"),
        (_changed(type="number", value={"number": 0}), "whole number from 1"),
        (_changed(type="number", value={"number": 1.5}), "whole number from 1"),
    ],
)
def test_what_cannot_be_used_is_told(bad, message):
    with pytest.raises(BadLabel, match=message):
        read_annotation(bad, ASKED)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_code_of_a_mask_does_not_depend_on_its_round(name):
    sent = label((1, 1, EXAMPLES[name]))
    first, later = (prediction(sent, NAMES, version)["result"] for version in ("round 1", "round 2"))
    assert first == later
