from fractions import Fraction
from uuid import UUID

import numpy as np
import pytest
from pydantic import ValidationError

from al_core.errors import BadLabel
from al_core.masks.rle import Rle, encode
from al_core.records import IGNORE_TRACK, FrameRef, Gesture, LabelKind, LabelRequest, MaskLabel, Selected, Video
from tasks.web.schemas import (
    LARGEST_TRACK,
    LONGEST_ANSWER,
    ClickBody,
    DraftBody,
    MaskBody,
    RleBody,
    SubmitBody,
    checked_masks,
    kind_of,
    understood,
)

VIDEO = Video(1, "clip", "/videos/clip.mp4", "file", "c" * 64, Fraction(25), 6, height=4, width=6)
NAMES = {1: "car", 2: "dog"}
ANSWER = {"lease": "a", "masks": [], "seconds": 1.0, "answer_id": str(UUID(int=1)), "base_revision": 0, "kind": "mask"}


def pixels(y=1, x=1):
    """A mask of one pixel."""
    mask = np.zeros((VIDEO.height, VIDEO.width), bool)
    mask[y, x] = True
    return encode(mask)


def body(track=1, category=1, rle=None):
    coded = (rle or pixels()).to_coco()
    return MaskBody(track_id=track, category_id=category, rle=RleBody(**coded))


def label(track=1, category=1, rle=None):
    return MaskLabel(track, category, rle or pixels())


class TestMasks:
    def test_good_masks_come_back_as_they_are(self):
        assert checked_masks([body(), body(2, 2, pixels(0, 3))], VIDEO, NAMES) == (label(), label(2, 2, pixels(0, 3)))

    def test_a_mask_of_another_size_names_both(self):
        wrong = encode(np.ones((6, 4), bool))
        with pytest.raises(BadLabel, match="4x6 pixels .*a mask is 6x4"):
            checked_masks([body(rle=wrong)], VIDEO, NAMES)

    def test_counts_that_do_not_fill_the_frame_are_refused(self):
        with pytest.raises(BadLabel):
            checked_masks([body(rle=Rle(VIDEO.height, VIDEO.width, "1"))], VIDEO, NAMES)

    def test_a_category_that_is_not_there_lists_the_known_ones(self):
        with pytest.raises(BadLabel, match=r"no category 3; known: 1 \(car\), 2 \(dog\)"):
            checked_masks([body(category=3)], VIDEO, NAMES)

    def test_an_object_appears_once_but_ignored_regions_need_neither_number_nor_category(self):
        with pytest.raises(BadLabel, match=r"appears once in a frame, got several masks of tracks \[1\]"):
            checked_masks([body(), body()], VIDEO, NAMES)
        ignored = [body(IGNORE_TRACK, 0), body(IGNORE_TRACK, 0, pixels(2, 2))]
        assert len(checked_masks(ignored, VIDEO, NAMES)) == 2


class TestKind:
    @pytest.mark.parametrize("said", ["mask", "accept"])
    def test_what_comes_back_as_it_was_shown_is_accepted_however_it_is_called(self, said):
        assert kind_of(said, (label(),), (label(),)) is LabelKind.ACCEPT

    def test_a_changed_mask_or_category_is_a_mask_although_it_is_called_accepted(self):
        assert kind_of("accept", (label(rle=pixels(0, 0)),), (label(),)) is LabelKind.MASK
        assert kind_of("accept", (label(category=2),), (label(),)) is LabelKind.MASK

    def test_nothing_is_absent(self):
        assert kind_of("absent", (), (label(),)) is LabelKind.ABSENT
        assert kind_of("mask", (), ()) is LabelKind.ABSENT

    def test_contradictions_are_refused(self):
        with pytest.raises(BadLabel, match="nothing is said to be here, but there are 1 masks"):
            kind_of("absent", (label(),), ())
        with pytest.raises(BadLabel, match="masks were shown, and none came back"):
            kind_of("accept", (), (label(),))
        empty = encode(np.zeros((VIDEO.height, VIDEO.width), bool))
        with pytest.raises(BadLabel, match=r"delete the empty masks of tracks \[5\]"):
            kind_of("mask", (label(), label(5, rle=empty)), ())


@pytest.mark.parametrize(
    ("schema", "fields"),
    [
        (MaskBody, {"track_id": LARGEST_TRACK + 1, "category_id": 1, "rle": pixels().to_coco()}),
        (MaskBody, {"track_id": -1, "category_id": 1, "rle": pixels().to_coco()}),
        (ClickBody, {"x": float("nan"), "y": 0.0, "positive": True}),
        (ClickBody, {"x": 2e6, "y": 0.0, "positive": True}),
        (DraftBody, {"lease": "a", "masks": [], "seconds": LONGEST_ANSWER + 1}),
        (DraftBody, {"lease": "a", "masks": [], "seconds": float("inf")}),
        (DraftBody, {"lease": "a" * 65, "masks": [], "seconds": 1.0}),
        (
            SubmitBody,
            {"lease": "a", "masks": [], "seconds": 1.0, "answer_id": "17", "base_revision": 0, "kind": "mask"},
        ),
    ],
)
def test_what_is_out_of_range_is_refused(schema, fields):
    with pytest.raises(ValidationError):
        schema(**fields)


def test_an_answer_within_its_ranges_is_taken():
    assert SubmitBody(**ANSWER).answer_id == UUID(int=1)


class TestUnderstood:
    """What an answer says of a frame, and what the person did."""

    SHOWN = (MaskLabel(1, 1, pixels()), MaskLabel(2, 1, pixels(2)))

    def said(self, masks=(), asked="accept", **changes):
        request = LabelRequest.of(2, Selected(FrameRef(1, 3), 0, 0.0, "", LabelKind(asked)))
        return understood(SubmitBody(**(ANSWER | changes)), request, tuple(masks), self.SHOWN)

    def test_yes_and_no(self):
        kind, whole = self.said(self.SHOWN, kind="accept")
        assert (kind, whole.complete, whole.masks) == (LabelKind.ACCEPT, True, self.SHOWN)
        kind, nothing = self.said(kind="reject")
        assert (kind, nothing.complete, nothing.tracks) == (LabelKind.REJECT, False, frozenset())

    def test_one_mask_of_two(self):
        kind, label = self.said(self.SHOWN[:1], kind="accept", complete=False)
        assert (kind, label.complete, label.tracks) == (LabelKind.ACCEPT, False, {1})
        kind, _ = self.said([MaskLabel(1, 1, pixels(3))], kind="mask", complete=False)
        assert kind is LabelKind.MASK

    def test_tags(self):
        kind, label = self.said(kind="tag", absent=[4, 2, 4])
        assert (kind, label.complete, label.absent) == (LabelKind.TAG, False, (2, 4))

    def test_what_was_made_with_one_tool_is_of_that_kind(self):
        drawn = [MaskLabel(1, 1, pixels(3))]
        click, brush = ({"tool": tool, "track_id": 1, "points": [[1, 2]]} for tool in ("click", "brush"))
        assert self.said(drawn, "click", gestures=[click])[0] is LabelKind.CLICK
        assert self.said(drawn, "box", gestures=[click])[0] is LabelKind.CLICK
        assert self.said(drawn, "mask", gestures=[click])[0] is LabelKind.MASK
        assert self.said(drawn, "click", gestures=[click, brush])[0] is LabelKind.MASK
        assert self.said(drawn, "click", gestures=[click, brush | {"taken_back": True}])[0] is LabelKind.CLICK
        assert SubmitBody(**ANSWER, gestures=[click]).made() == (Gesture("click", 1, True, ((1.0, 2.0),)),)
        assert SubmitBody(**ANSWER).made() is None

    @pytest.mark.parametrize(
        ("masks", "changes", "message"),
        [
            (SHOWN[:1], {"kind": "reject"}, "brings no others"),
            ((), {"kind": "reject", "absent": [1]}, "brings no others"),
            ((), {"kind": "accept", "complete": False}, "it names none"),
            (SHOWN[:1], {"kind": "accept", "complete": False, "absent": [1]}, "said not to be there"),
            ([MaskLabel(1, 1, encode(np.zeros((4, 6), bool)))], {"complete": False}, "has no mask"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, masks, changes, message):
        with pytest.raises(BadLabel, match=message):
            self.said(masks, **changes)
