"""What is known of the objects of a video."""

import numpy as np

from al_core.ledger.campaign.categories import GONE
from al_core.masks.rle import encode
from al_core.records import DeliveredMask, FrameLabel, FrameRef, MaskLabel, Provenance
from tasks.web.identity.video_objects import delivered_objects, drawn_objects, merged, standing_objects


def block(size):
    """A mask with a square of so many pixels a side."""
    mask = np.zeros((8, 8), bool)
    mask[:size, :size] = True
    return encode(mask)


def label(frame_idx, *masks):
    return FrameLabel(FrameRef(1, frame_idx), tuple(MaskLabel(*mask) for mask in masks))


def delivered(frame_idx, track_id, category_id, size=2):
    mask = DeliveredMask(frame_idx, track_id, category_id, Provenance.TEACHER, 0.5, block(size))
    return frame_idx, [mask]


def test_an_object_is_what_most_people_say_it_is():
    labels = [label(0, (4, 2, block(1))), label(3, (4, 2, block(5))), label(9, (4, 1, block(2)))]
    found = drawn_objects(labels)[4]
    assert (found.category_id, found.labelled, found.first_frame, found.last_frame) == (2, (0, 3, 9), 0, 9)
    assert (found.example_frame, found.example) == (3, block(5))


def test_regions_to_ignore_are_no_objects():
    assert drawn_objects([label(0, (0, 0, block(2)))]) == {}


def test_what_people_said_goes_before_what_was_worked_out():
    drawn = drawn_objects([label(5, (1, 2, block(2)))])
    worked_out = delivered_objects([delivered(3, 1, 7, size=6), delivered(8, 1, 7), delivered(8, 3, 1)])
    first, third = merged(drawn, worked_out)
    assert (first.track_id, first.category_id, first.labelled, first.example_frame) == (1, 2, (5,), 5)
    assert (first.first_frame, first.last_frame) == (3, 8)
    assert (third.track_id, third.category_id, third.labelled) == (3, 1, ())


def test_a_video_of_which_nothing_is_known_has_no_objects():
    assert merged(drawn_objects([]), delivered_objects([])) == []


def test_objects_have_the_category_that_theirs_stands_for():
    objects = delivered_objects([delivered(0, 1, 2), delivered(0, 5, 3), delivered(1, 7, 4)])
    found = standing_objects(objects, {2: 4, 3: GONE})
    assert {track: known.category_id for track, known in found.items()} == {1: 4, 7: 4}
