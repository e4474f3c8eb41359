"""The first reading of a video: tracklets, their votes, and trust in the teachers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from al_core.fusion.survey import HUMAN_VOTES, Judged, Plan, Tracklet, Trust, judge, survey
from al_core.propagation.base import PropagatedFrame, PropagatedTrack
from al_core.records import ONE_SHOT, FrameLabel, LabelKind, Shots
from al_core.settings import PropagationSettings
from al_core.stores.predictions import FramePrediction, PredictedObject
from tests.toys.fusion import box, carried, label, seen


def read(
    objects: Mapping[int, Sequence[PredictedObject]],
    tracks: Mapping[int, Mapping[int, PropagatedTrack]] | None = None,
    labels: Sequence[FrameLabel] = (),
    category: Mapping[int, int] | None = None,
    shots: Shots = ONE_SHOT,
    judged: Mapping[int, Judged] | None = None,
) -> Plan:
    """Survey 12 frames."""
    frames = [PropagatedFrame(i, (tracks or {}).get(i, {})) for i in range(12)]
    predictions = [FramePrediction(i, tuple(o), np.ones(1, np.float32)) for i, o in sorted(objects.items())]
    by_frame = {f.frame.frame_idx: f for f in labels}
    settings = PropagationSettings()
    known = category or {1: 1}
    return survey(by_frame, lambda: iter(frames), lambda: iter(predictions), known, settings, shots, judged)


def test_an_object_that_moves_on_is_one_tracklet_and_a_jump_begins_another() -> None:
    plan = read({0: [seen(box(0))], 1: [seen(box(1))], 2: [seen(box(8))]})
    first, second, third = (plan.tracklets[i][0] for i in range(3))
    assert first is second
    assert first is not third
    assert first.existence == [0.95, 0.95]


@pytest.mark.parametrize(("pause", "same"), [(5, True), (6, False)])
def test_a_tracklet_may_miss_a_few_frames(pause: int, same: bool) -> None:
    plan = read({0: [seen(box(0))], pause: [seen(box(0))]})
    assert (plan.tracklets[0][0] is plan.tracklets[pause][0]) is same


def test_objects_of_another_category_are_another_tracklet() -> None:
    plan = read({0: [seen(box(0))], 1: [seen(box(0), category=2)]})
    assert plan.tracklets[0][0] is not plan.tracklets[1][0]


def test_a_meeting_votes_by_confidence_and_overlap() -> None:
    plan = read({1: [seen(box(2))]}, {1: {1: carried(box(0), 0.9)}})
    assert dict(plan.tracklets[1][0].votes) == {1: pytest.approx(0.9**6 * 8 / 24, rel=1e-5)}


def test_a_meeting_with_a_human_mask_counts_more_and_tells_nothing_of_trust() -> None:
    plan = read({1: [seen(box(0))]}, {1: {1: carried(box(0), 1.0)}}, [label(1, {1: box(0)})])
    assert dict(plan.tracklets[1][0].votes) == {1: pytest.approx(HUMAN_VOTES)}
    assert plan.trust == {}


def test_what_lies_where_people_saw_nothing_is_refuted() -> None:
    plan = read({1: [seen(box(8)), seen(box(0))]}, {1: {1: carried(box(0), 1.0)}}, [label(1, {1: box(0)})])
    assert [t.refuted for t in plan.tracklets[1]] == [1, 0]


def test_trust_is_the_mean_overlap_with_sure_masks_and_a_missed_object_counts_nothing() -> None:
    tracks = {i: {1: carried(box(0), 1.0)} for i in (1, 2)}
    plan = read({1: [seen(box(0), mask_iou=0.8)], 2: []}, tracks)
    assert plan.trust[1].overlap == pytest.approx(0.5)
    assert plan.trust[1].certainty == pytest.approx(0.95 * 0.8)


def test_masks_less_certain_than_usual_are_expected_to_fit_less() -> None:
    plan = Plan({}, {}, {1: Trust(0.8, 0.76)})
    assert plan.expected_overlap(seen(box(0), mask_iou=0.8)) == pytest.approx(0.8)
    assert plan.expected_overlap(seen(box(0), mask_iou=0.2)) == pytest.approx(0.8 * 0.25**0.5)
    assert plan.expected_overlap(seen(box(0), category=2)) == pytest.approx(0.5 * 0.95**0.5)


def test_a_sure_object_that_meets_nothing_becomes_a_new_track() -> None:
    plan = read({i: [seen(box(8)), seen(box(4, 4), 0.6)] for i in (3, 4, 5)}, category={4: 1})
    assert plan.new_tracks == {plan.tracklets[3][0]: 5}
    assert read({3: [seen(box(8))], 4: [seen(box(8))]}).new_tracks == {}


def test_affinity_is_damped_while_votes_are_few() -> None:
    tracklet = Tracklet(1)
    tracklet.votes[1] = 0.5
    assert (tracklet.affinity(1), tracklet.affinity(2)) == (0.5, 0.0)
    tracklet.votes[2] = 1.0
    assert tracklet.affinity(1) == pytest.approx(0.25)


def test_nothing_is_linked_over_a_cut() -> None:
    plan = read({i: [seen(box(0))] for i in range(4)}, shots=Shots((2,)))
    found = [plan.tracklets[i][0] for i in range(4)]
    assert found[0] is found[1]
    assert found[1] is not found[2]
    assert found[2] is found[3]


def test_the_teachers_are_held_against_labels_that_they_were_not_trained_on() -> None:
    labels = [label(1, {1: box(0), 2: box(6)}), label(3, {1: box(0)}), label(5, {3: box(2)}, category=2)]
    predictions = [FramePrediction(i, (seen(box(2)),), np.ones(1, np.float32)) for i in (1, 3)]
    third = pytest.approx(8 / 24, abs=1e-3)
    assert judge(labels, predictions) == {1: (pytest.approx((2 * 8 / 24 + 0) / 3, abs=1e-3), 3)}
    assert judge(labels[1:2], predictions) == {1: (third, 1)}
    accepted = replace(labels[1], masks=tuple(replace(m, kind=LabelKind.ACCEPT) for m in labels[1].masks))
    assert judge([accepted], predictions) == {}


def test_what_people_judged_counts_beside_the_overlap_with_sure_propagated_masks() -> None:
    found = {i: [seen(box(0))] for i in range(12)}
    tracks = {i: {1: carried(box(0), 0.9)} for i in range(12)}
    assert read(found, tracks).trust[1].overlap == pytest.approx(1.0)
    assert read(found, tracks, judged={1: Judged(0.5, 2)}).trust[1].overlap == pytest.approx((1.0 + 1.0) / 4 + 0.25)
    assert read(found, tracks, judged={2: Judged(0.8, 6)}).trust[2] == Trust(pytest.approx((4.8 + 1) / 8), 1.0)
