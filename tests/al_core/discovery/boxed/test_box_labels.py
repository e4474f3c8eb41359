"""Boxes and masks that people gave, as a network learns from them."""

import numpy as np
import pytest

from al_core.discovery.boxed.box_labels import LabelledBoxes, has_boxes
from al_core.discovery.given import GivenFrame
from al_core.masks.rle import encode
from al_core.masks.soft import Window
from al_core.records import FrameLabel, FrameRef, Gesture, LabelKind, MaskLabel

SIZE = (20, 40)


def block(x0, y0, side=8):
    mask = np.zeros(SIZE, bool)
    mask[y0 : y0 + side, x0 : x0 + side] = True
    return encode(mask)


@pytest.fixture
def frame():
    masks = MaskLabel(1, 3, block(2, 2), LabelKind.MASK), MaskLabel(2, 5, block(20, 4), LabelKind.BOX)
    box = Gesture("box", 2, points=((30.0, 14.0), (-4.0, 2.0)))
    return GivenFrame(FrameLabel(FrameRef(1, 0), masks), (box,), SIZE)


def test_a_box_is_cut_to_the_frame_in_the_size_that_is_asked_for(frame):
    known = LabelledBoxes.of(frame, (10, 20))
    assert known.boxes == {2: Window(0, 1, 15, 7)}
    assert list(known.masks) == [1]
    assert known.categories == {1: 3, 2: 5}
    assert has_boxes(frame)


def test_each_object_is_an_example_that_knows_the_others(frame):
    image = np.zeros((*SIZE, 3), np.uint8)
    found = LabelledBoxes.of(frame, SIZE).examples(image, {3: 0, 5: 1})
    drawn, boxed = found[1], found[2]
    assert (drawn.box, drawn.kind, int(drawn.mask.sum())) == (Window(2, 2, 10, 10), 0, 64)
    assert (boxed.box, boxed.kind, boxed.mask) == (Window(0, 2, 30, 14), 1, None)
    assert drawn.others == (boxed.box,)
    assert boxed.others == (drawn.box,)


def test_a_mask_that_is_too_small_at_working_size_is_left_out(frame):
    assert LabelledBoxes.of(frame, (5, 10)).masks == {}
