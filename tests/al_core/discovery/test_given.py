"""What people gave, as ways to discover read it."""

import numpy as np
import pytest

from al_core.discovery.given import NOTHING_GIVEN, Given, GivenFrame, Hint
from al_core.masks.rle import encode
from al_core.records import FrameLabel, FrameRef, Gesture, LabelKind, MaskLabel

SIZE = (8, 16)


def square(x0, y0, side=4):
    mask = np.zeros(SIZE, bool)
    mask[y0 : y0 + side, x0 : x0 + side] = True
    return encode(mask)


def frame(*masks, gestures=(), index=3, complete=False):
    return GivenFrame(FrameLabel(FrameRef(1, index), masks, complete), tuple(gestures), SIZE)


def test_masks_boxes_and_strokes_come_in_the_size_that_is_asked_for():
    drawn = MaskLabel(1, 1, square(4, 2), LabelKind.MASK)
    boxed = MaskLabel(2, 1, square(8, 2), LabelKind.BOX)
    stroked = MaskLabel(3, 2, square(12, 4), LabelKind.SCRIBBLE)
    given = frame(
        *(drawn, boxed, stroked),
        gestures=[
            Gesture("box", 2, points=((12.0, 6.0), (8.0, 2.0))),
            Gesture("scribble", 3, points=((12.0, 4.0), (14.0, 6.0))),
        ],
    )
    half = (4, 8)
    (mask,) = given.masks(half).values()
    assert (mask.shape, mask.sum()) == (half, 4)
    assert mask[1:3, 2:4].all()
    assert given.boxes(half) == {2: (4.0, 1.0, 6.0, 3.0)}
    (stroke,) = given.strokes(half)
    assert (stroke.track_id, stroke.adds, stroke.points.tolist()) == (3, True, [[6.0, 2.0], [7.0, 3.0]])
    assert given.categories == {1: 1, 2: 1, 3: 2}
    assert given.frame_idx == 3


def test_a_box_without_its_corners_is_the_one_around_its_mask():
    assert frame(MaskLabel(2, 1, square(8, 2), LabelKind.BOX)).boxes(SIZE) == {2: (8.0, 2.0, 12.0, 6.0)}


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        (LabelKind.MASK, Hint.MASKS),
        (LabelKind.ACCEPT, Hint.MASKS),
        (None, Hint.MASKS),
        (LabelKind.BOX, Hint.BOXES),
        (LabelKind.SCRIBBLE, Hint.SCRIBBLES),
    ],
)
def test_each_kind_counts_as_one_hint(kind, hint):
    given = Given({1: [frame(MaskLabel(1, 1, square(4, 2), kind))]})
    assert {one: given.count(one) for one in Hint} == {one: int(one is hint) for one in Hint}


def test_an_object_that_somebody_boxed_and_then_drew_counts_as_both():
    boxed = frame(MaskLabel(1, 1, square(4, 2), LabelKind.MASK), gestures=[Gesture("box", 1, points=((4, 2), (8, 6)))])
    given = Given({1: [boxed]})
    assert (given.count(Hint.MASKS), given.count(Hint.BOXES)) == (1, 1)


def test_what_was_given_has_a_hash_of_its_own():
    one = Given({1: [frame(MaskLabel(1, 1, square(4, 2)))]}, {1: "disk"})
    same = Given({1: [frame(MaskLabel(1, 1, square(4, 2)))]}, {1: "disk"})
    assert one.sha256 == same.sha256
    others = [
        Given({1: [frame(MaskLabel(1, 1, square(4, 3)))]}, {1: "disk"}),
        Given({1: [frame(MaskLabel(1, 1, square(4, 2)), complete=True)]}, {1: "disk"}),
        Given({1: [frame(MaskLabel(1, 1, square(4, 2), LabelKind.BOX))]}, {1: "disk"}),
        Given(one.frames, {1: "car"}),
        NOTHING_GIVEN,
    ]
    assert len({one.sha256, *(other.sha256 for other in others)}) == 6


def test_a_video_of_which_nothing_was_said_has_no_frames():
    assert list(NOTHING_GIVEN) == []
    assert NOTHING_GIVEN.of(7) == ()
