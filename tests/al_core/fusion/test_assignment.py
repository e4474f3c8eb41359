"""Which of the teachers' objects is which track."""

from al_core.fusion.assignment import assign, nearest_labels
from al_core.fusion.survey import Tracklet
from al_core.propagation.base import PropagatedFrame
from al_core.records import Shots
from tests.toys.fusion import box, carried, label, seen


def tracklet(votes: dict[int, float] | None = None, refuted: int = 0) -> Tracklet:
    """An object over time that met some tracks."""
    found = Tracklet(1, refuted=refuted)
    found.votes.update(votes or {})
    return found


def test_objects_go_to_the_tracks_that_they_lie_on() -> None:
    frame = PropagatedFrame(0, {1: carried(box(0)), 2: carried(box(7))})
    objects = [seen(box(7)), seen(box(1))]
    assert assign(frame, objects, [tracklet(), tracklet()], {1: 1, 2: 1}, []) == {1: 1, 2: 0}


def test_votes_of_other_frames_outweigh_a_mask_that_is_lost() -> None:
    frame = PropagatedFrame(0, {1: carried(box(7), 0.1), 2: carried(box(0), 0.1)})
    objects = [seen(box(0)), seen(box(7))]
    assert assign(frame, objects, [tracklet({1: 9.0}), tracklet({2: 9.0})], {1: 1, 2: 1}, []) == {1: 0, 2: 1}


def test_what_overlaps_hardly_is_no_match() -> None:
    frame = PropagatedFrame(0, {1: carried(box(0))})
    assert assign(frame, [seen(box(3, 5))], [tracklet()], {1: 1}, []) == {}


def test_another_category_is_no_match() -> None:
    frame = PropagatedFrame(0, {1: carried(box(0))})
    assert assign(frame, [seen(box(0), category=2)], [tracklet()], {1: 1}, []) == {}


def test_a_lost_track_alone_in_its_category_takes_what_is_unknown() -> None:
    nearby = [label(0, {1: box(0)})]
    frame = PropagatedFrame(5, {})
    assert assign(frame, [seen(box(7))], [tracklet()], {1: 1}, nearby) == {1: 0}
    assert assign(frame, [seen(box(7))], [tracklet(refuted=1)], {1: 1}, nearby) == {}
    assert assign(frame, [seen(box(7))], [tracklet()], {1: 1, 2: 1}, nearby) == {}
    assert assign(frame, [seen(box(7))], [tracklet()], {1: 1}, [label(0, {})]) == {}


def test_nothing_to_match() -> None:
    assert assign(PropagatedFrame(0, {}), [], [], {1: 1}, []) == {}
    assert assign(PropagatedFrame(0, {}), [seen(box(0))], [tracklet()], {}, []) == {}


def test_the_nearest_labels_lie_on_both_sides() -> None:
    labels = {i: label(i, {}) for i in (2, 5, 9)}
    marks = [2, 5, 9]
    assert [[m.frame.frame_idx for m in nearest_labels(labels, marks, i)] for i in (0, 3, 7, 11)] == [
        [2],
        [2, 5],
        [5, 9],
        [9],
    ]


def test_labels_of_another_shot_are_not_near() -> None:
    labels = {i: label(i, {1: box(0)}) for i in (2, 7)}
    assert nearest_labels(labels, [2, 7], 4) == [labels[2], labels[7]]
    assert nearest_labels(labels, [2, 7], 4, Shots((5,))) == [labels[2]]
    assert nearest_labels(labels, [2, 7], 4, Shots((4, 5))) == []
