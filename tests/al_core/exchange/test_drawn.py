import numpy as np
import pytest

from al_core.errors import BadLabel
from al_core.exchange.drawn import (
    IGNORE_NAME,
    Asked,
    Origin,
    Region,
    drawn_frame,
    frame_label,
    origins,
    outline_mask,
)
from al_core.masks.rle import decode, encode
from al_core.records import FrameLabel, FrameRef, MaskLabel
from tests.toys.masks import EMPTY, HOLED, OVER

FRAME = FrameRef(1, 3)
ASKED = Asked("r1", 4, 6, lasting=True)
PER_FRAME = Asked("r1", 4, 6, lasting=False)


def label(*masks):
    return FrameLabel(FRAME, tuple(MaskLabel(track, category, encode(mask)) for track, category, mask in masks))


def tracks(asked, *numbers):
    regions = [Region(number, "car", HOLED) for number in numbers]
    return [mask.track_id for mask in drawn_frame(asked, regions).masks]


class TestDrawnFrame:
    def test_numbers_are_kept(self):
        assert tracks(ASKED, 7, 2) == [2, 7]

    def test_the_only_object_is_number_1(self):
        assert tracks(ASKED, None) == [1]

    def test_without_lasting_identities_free_numbers_are_given(self):
        assert tracks(PER_FRAME, None, 1, None) == [1, 2, 3]

    def test_lasting_objects_need_numbers(self):
        with pytest.raises(BadLabel, match=r"r1 shows 2 objects, each needs a number.*\[3, 'none'\]"):
            tracks(ASKED, 3, None)

    def test_regions_of_one_number_are_parts_of_one_object(self):
        (mask,) = drawn_frame(ASKED, [Region(2, "car", HOLED), Region(2, "car", OVER)]).masks
        assert np.array_equal(decode(mask.rle), HOLED | OVER)

    def test_one_number_has_one_category(self):
        with pytest.raises(BadLabel, match="object 2 is called bus and car"):
            drawn_frame(ASKED, [Region(2, "car", HOLED), Region(2, "bus", OVER)])

    def test_what_was_erased_is_not_there(self):
        assert drawn_frame(ASKED, [Region(2, "car", EMPTY)]).masks == ()

    def test_regions_to_ignore_have_no_number(self):
        frame = drawn_frame(ASKED, [Region(None, IGNORE_NAME, OVER), Region(2, "car", HOLED)])
        assert [(m.track_id, m.category) for m in frame.masks] == [(2, "car"), (0, None)]


def test_a_drawn_frame_becomes_a_label():
    drawn = drawn_frame(ASKED, [Region(None, IGNORE_NAME, OVER), Region(2, "car", HOLED)])
    assert frame_label(FRAME, drawn, {"car": 4}) == label((2, 4, HOLED), (0, 0, OVER))
    with pytest.raises(BadLabel, match="unknown category 'car'; known: bus"):
        frame_label(FRAME, drawn, {"bus": 1})


def test_whose_work_a_mask_is():
    shown = label((1, 1, HOLED), (2, 1, OVER))
    answered = label((1, 1, HOLED), (2, 1, HOLED), (3, 1, OVER))
    assert origins(answered, shown) == {1: Origin.ACCEPTED, 2: Origin.CORRECTED, 3: Origin.NEW}
    assert origins(answered, None) == dict.fromkeys([1, 2, 3], Origin.NEW)
    assert origins(label((1, 2, HOLED)), shown) == {1: Origin.CORRECTED}


def test_a_polygon_is_filled():
    mask = outline_mask(np.array([[1.0, 1], [5, 1], [5, 3], [1, 3]]), 4, 6)
    assert np.array_equal(mask, OVER)


@pytest.mark.parametrize("points", [[[0, 0], [1, 1]], [[0, 0], [1e9, 0], [1, 1]], [[0, 0], [float("nan"), 0], [1, 1]]])
def test_a_polygon_that_is_none(points):
    with pytest.raises(BadLabel, match="a polygon has"):
        outline_mask(np.array(points, float), 4, 6)
