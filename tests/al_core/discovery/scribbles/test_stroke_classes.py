"""What strokes, masks and complete frames say of pixels."""

import numpy as np
import pytest

from al_core.discovery.given import Given, GivenFrame
from al_core.discovery.scribbles.stroke_classes import along, check_classes, class_numbers, classes_of
from al_core.errors import BadLabel, NotReady
from al_core.masks.rle import encode
from al_core.records import FrameLabel, FrameRef, Gesture, LabelKind, MaskLabel

SIZE = (10, 40)


def square(x0, y0, side):
    mask = np.zeros(SIZE, bool)
    mask[y0 : y0 + side, x0 : x0 + side] = True
    return encode(mask)


def frame(*masks, gestures=(), complete=False):
    return GivenFrame(FrameLabel(FrameRef(1, 0), masks, complete), tuple(gestures), SIZE)


def stroke(track, *points, adds=True):
    return Gesture("scribble", track, adds, points)


STROKED = MaskLabel(4, 7, square(2, 2, 4), LabelKind.SCRIBBLE)
OTHER = MaskLabel(5, 9, square(10, 2, 4), LabelKind.SCRIBBLE)
NUMBERS = {7: 1, 9: 2}


def test_each_category_with_a_stroke_or_a_mask_has_a_class():
    boxed = MaskLabel(6, 3, square(20, 2, 4), LabelKind.BOX)
    assert class_numbers(Given({1: [frame(OTHER, boxed), frame(STROKED)]})) == NUMBERS


def test_strokes_tell_of_their_own_pixels_only():
    strokes = [stroke(4, (2, 3), (4, 3)), stroke(4, (6, 9), (8, 9), adds=False)]
    found = classes_of(frame(STROKED, gestures=strokes), NUMBERS, SIZE)
    assert (found >= 0).sum() == 6
    assert found[3, 2:5].tolist() == [1, 1, 1]
    assert found[9, 6:9].tolist() == [0, 0, 0]


def test_what_is_not_of_one_object_may_be_of_another():
    strokes = [stroke(4, (8, 3), (11, 3), adds=False)]
    assert classes_of(frame(STROKED, OTHER, gestures=strokes), NUMBERS, SIZE)[3, 8:12].tolist() == [0, 0, -1, -1]


def test_a_stroke_for_an_object_that_was_deleted_since_tells_nothing():
    assert (classes_of(frame(STROKED, gestures=[stroke(9, (2, 3), (4, 3))]), NUMBERS, SIZE) == -1).all()


def test_far_from_the_masks_of_a_complete_frame_is_background():
    found = classes_of(frame(STROKED, gestures=[stroke(4, (2, 3), (4, 3))], complete=True), NUMBERS, SIZE)
    assert found[3].tolist() == [-1, -1, 1, 1, 1, -1, -1, -1, *[0] * 32]


def test_drawn_masks_of_a_complete_frame_tell_of_all_pixels():
    drawn = MaskLabel(4, 7, square(2, 2, 4), LabelKind.MASK)
    found = classes_of(frame(drawn, complete=True), NUMBERS, SIZE)
    assert (found == 1).sum() == 16
    assert (found == 0).sum() == 400 - 16


def test_an_empty_frame_is_all_background_but_what_is_to_be_ignored():
    assert (classes_of(frame(complete=True), NUMBERS, SIZE) == 0).all()
    ignored = MaskLabel(0, 0, square(2, 2, 4))
    assert (classes_of(frame(ignored, complete=True), NUMBERS, SIZE)[2:6, 2:6] == -1).all()


def test_the_frame_may_be_seen_at_another_size():
    found = classes_of(frame(STROKED, gestures=[stroke(4, (2, 2), (5, 5))]), NUMBERS, (5, 20))
    assert np.argwhere(found == 1).tolist() == [[1, 1], [2, 2]]


def test_a_line_far_outside_is_nowhere():
    assert not along(np.array([[-1e9, 5], [-1e8, 5]], np.float32), SIZE).any()
    assert along(np.array([[3.0, 4.0]], np.float32), SIZE).sum() == 1


@pytest.mark.parametrize(
    ("said", "strokes", "error", "words"),
    [
        ([0, -1], 0, NotReady, "no answer has one"),
        ([0, -1], 3, BadLabel, "all 3 lie outside their frames"),
        ([1, -1], 3, NotReady, "must know what is background"),
    ],
)
def test_what_teaches_nothing_is_refused_in_one_line(said, strokes, error, words):
    with pytest.raises(error, match=words) as caught:
        check_classes([np.array([said], np.int8)], strokes)
    assert "\n" not in str(caught.value)


def test_strokes_and_background_are_enough():
    check_classes([np.array([[1, -1]], np.int8), np.array([[0, -1]], np.int8)], 1)
