"""Labels that say something of some objects only."""

from dataclasses import replace
from functools import partial

from al_core.fusion.partly_known import known_alike, side_by_side
from al_core.propagation.base import PropagatedFrame
from tests.toys.fusion import box, carried, label

LEFT, RIGHT = box(0), box(7)


def tracks_in(part):
    """Track numbers by frame."""
    return {i: [m.track_id for m in found.masks] for i, found in part.items()}


def partly(frame_idx, masks, absent=()):
    """A label that is not complete."""
    return replace(label(frame_idx, masks), complete=False, absent=absent)


def test_complete_labels_stay_as_they_are():
    labels = {0: label(0, {1: LEFT, 2: RIGHT}), 5: label(5, {})}
    assert known_alike(labels) == [labels]


def test_an_object_is_known_where_somebody_named_it():
    labels = {0: label(0, {1: LEFT, 2: RIGHT}), 4: partly(4, {1: LEFT}), 9: label(9, {2: RIGHT})}
    first, second = known_alike(labels)
    assert tracks_in(first) == {0: [1], 4: [1], 9: []}
    assert tracks_in(second) == {0: [2], 9: [2]}
    assert all(found.complete for part in (first, second) for found in part.values())


def test_an_object_that_is_said_to_be_away_ends_there():
    labels = {0: label(0, {1: LEFT, 2: RIGHT}), 4: partly(4, {}, absent=(2,))}
    assert [tracks_in(part) for part in known_alike(labels)] == [{0: [1]}, {0: [2], 4: []}]


def test_without_any_mask_the_complete_labels_are_left():
    labels = {0: label(0, {}), 4: partly(4, {}, absent=(2,))}
    assert [tracks_in(part) for part in known_alike(labels)] == [{0: []}]


def test_parts_are_put_side_by_side():
    found = [PropagatedFrame(0, {2: carried(RIGHT)}), PropagatedFrame(0, {1: carried(LEFT)})]
    sources = [partial(iter, [frame]) for frame in found]
    (frame,) = side_by_side(sources)()
    assert list(frame.tracks) == [1, 2]
    assert side_by_side(sources[:1]) is sources[0]
