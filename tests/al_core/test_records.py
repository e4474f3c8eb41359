from dataclasses import replace

import numpy as np
import pytest

from al_core.errors import BadLabel, BadVideo
from al_core.masks.rle import encode
from al_core.records import (
    ONE_SHOT,
    Answer,
    FrameLabel,
    FrameRef,
    Gesture,
    LabelKind,
    LabelRequest,
    MaskLabel,
    Shots,
    fingerprint_labels,
)
from tests.toys.ledgers import chosen, clip, square


def test_frames_are_counted_from_zero():
    with pytest.raises(BadVideo, match="from 0"):
        FrameRef(1, -1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_frames": 0}, "at least one frame"),
        ({"kind": "tape"}, "'file' or a 'folder'"),
        ({"rotation": 45}, "rotation"),
    ],
)
def test_a_video_says_what_is_wrong_with_it(change, message):
    with pytest.raises(BadVideo, match=message):
        replace(clip(), **change)


def test_an_ignore_region_has_neither_track_nor_category():
    assert MaskLabel(0, 0, square()).ignore
    with pytest.raises(BadLabel, match="ignore region"):
        MaskLabel(0, 1, square())


def test_a_frame_label_keeps_objects_and_ignore_regions_apart():
    label = FrameLabel(FrameRef(1, 0), (MaskLabel(1, 1, square()), MaskLabel(0, 0, square())))
    assert [m.track_id for m in label.objects] == [1]


def test_an_object_appears_once_in_a_frame():
    with pytest.raises(BadLabel, match="once"):
        FrameLabel(FrameRef(1, 0), (MaskLabel(1, 1, square()), MaskLabel(1, 1, square())))


def test_the_masks_of_a_frame_have_one_size():
    other = encode(np.ones((5, 5), bool))
    with pytest.raises(BadLabel, match="one size"):
        FrameLabel(FrameRef(1, 0), (MaskLabel(1, 1, square()), MaskLabel(2, 1, other)))


def test_the_same_question_has_the_same_id():
    first, again = LabelRequest.of(1, chosen(3)), LabelRequest.of(1, chosen(3, rank=7))
    assert first.request_id == again.request_id == "r0001-v00001-f0000003"


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_human_time_is_never_negative(seconds):
    with pytest.raises(BadLabel, match="at least 0"):
        Answer("a", "r", FrameLabel(FrameRef(1, 0), ()), LabelKind.ABSENT, seconds, "ann")


class TestPartlyKnown:
    def test_only_a_frame_that_is_not_complete_says_what_is_not_there(self):
        with pytest.raises(BadLabel, match="said not to be there"):
            FrameLabel(FrameRef(1, 3), (), absent=(2,))
        with pytest.raises(BadLabel, match="said not to be there"):
            FrameLabel(FrameRef(1, 3), (MaskLabel(2, 1, square()),), complete=False, absent=(2,))

    def test_what_was_said_later_holds(self):
        one, two = MaskLabel(1, 1, square()), MaskLabel(2, 1, square())
        first = FrameLabel(FrameRef(1, 3), (one,), complete=False, absent=(2, 3))
        second = FrameLabel(FrameRef(1, 3), (two,), complete=False, absent=(1,))
        assert first.amended(second) == FrameLabel(FrameRef(1, 3), (two,), complete=False, absent=(1, 3))
        assert replace(first, complete=True, absent=()).amended(second) == FrameLabel(FrameRef(1, 3), (two,))
        assert first.amended(FrameLabel(FrameRef(1, 3), ())) == FrameLabel(FrameRef(1, 3), ())

    def test_complete_labels_have_the_fingerprint_of_earlier_versions(self):
        label = FrameLabel(FrameRef(1, 3), (MaskLabel(1, 1, square()),))
        known = "2025b9729b8ccb3f8344431839243cd15e19de3afa7a95672d312aa24d94b540"
        assert fingerprint_labels([label]) == known
        assert fingerprint_labels([replace(label, complete=False)]) != known
        others = [fingerprint_labels([replace(label, complete=False, absent=a)]) for a in ((), (2,), (3,))]
        assert len(set(others)) == 3

    def test_a_gesture_comes_back_as_it_was_stored(self):
        made = Gesture("scribble", 4, False, ((1.5, 2.0), (3.0, 4.25)))
        assert Gesture.from_json(made.to_json()) == made


def test_cuts_part_a_video_into_shots():
    shots = Shots((4, 9))
    assert shots.ranges(12) == [range(0, 4), range(4, 9), range(9, 12)]
    assert [shots.shot_of(i) for i in (0, 3, 4, 8, 9)] == [0, 0, 1, 1, 2]
    assert shots.together(4, 8)
    assert not shots.together(3, 4)
    assert ONE_SHOT.ranges(12) == [range(12)]


def test_a_cut_parts_a_still_stretch():
    assert Shots((5, 6), ((0, 1), (3, 7))).repeats == [range(0, 2), range(3, 5), range(6, 8)]


def test_frames_that_repeat_one_before_them_are_left_out():
    assert Shots((5,), ((1, 2), (4, 6))).distinct(9) == [0, 1, 3, 4, 5, 7, 8]
    assert ONE_SHOT.distinct(3) == [0, 1, 2]


@pytest.mark.parametrize("wrong", [((0,), ()), ((4, 4), ()), ((), ((3, 3),)), ((), ((3, 5), (5, 6)))])
def test_cuts_and_stretches_rise(wrong):
    with pytest.raises(BadVideo, match="rise from frame to frame"):
        Shots(*wrong)
