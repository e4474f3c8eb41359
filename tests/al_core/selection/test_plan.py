import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from al_core.records import LabelKind
from al_core.selection.error_model import RATE, Outlook, expected_error
from al_core.selection.plan import Line, Offer, first_of, plan

MASK = Offer(LabelKind.MASK, 80.0)


def line(hazard, error=None, labelled=(), offers=(MASK,), video_id=0, **more):
    n = len(hazard) + 1
    outlook = Outlook(
        np.ones(n) if error is None else np.asarray(error, float), np.asarray(hazard, float), frozenset(labelled)
    )
    return Line(video_id, outlook, np.arange(n), offers, **more)


def planned(*lines, n):
    plan(lines, n)
    return [sorted(each.planned) for each in lines]


def test_error_grows_with_the_hazards_to_the_labels_around():
    path = np.array([0.0, 1, 2, 4])
    frames = np.arange(4)
    assert expected_error(path, frames, None, None).tolist() == [1, 1, 1, 1]
    assert expected_error(path, frames, 0, None) == pytest.approx(1 - np.exp(-RATE * path))
    assert expected_error(path, frames, None, 3) == pytest.approx(1 - np.exp(-RATE * (4 - path)))
    # 1 away on the left and 3 on the right: 1 * 3 / 4; 2 and 2: 1.
    assert expected_error(path, frames, 0, 3) == pytest.approx(1 - np.exp(-RATE * np.array([0, 0.75, 1, 0])))


def test_an_outlook_has_a_hazard_for_each_transition():
    with pytest.raises(ValueError, match="5 frames have 4 transitions, got 5"):
        Outlook(np.ones(5), np.ones(5))


def test_one_label_in_an_even_video_lies_in_the_middle():
    assert planned(line([1.0] * 10), n=1) == [[5]]


def test_labels_of_an_even_video_are_spread_evenly_but_nearer_to_its_ends():
    # Evenly would be 5, 15, 25, 35; beyond the outer labels masks come from one side only and get worse sooner.
    (frames,) = planned(line([1.0] * 39), n=4)
    assert frames == pytest.approx([3, 14, 25, 36], abs=1)


def test_quiet_stretches_need_no_labels():
    (frames,) = planned(line([0.0] * 50 + [1.0] * 20), n=4)
    assert sum(frame >= 50 for frame in frames) >= 3


def test_what_is_right_already_needs_no_label():
    certain, wrong = line([1.0] * 9, error=[0.01] * 10), line([1.0] * 9, error=[0.5] * 10, video_id=1)
    assert planned(certain, wrong, n=3)[0] == []


def test_a_label_that_is_there_is_not_asked_for_again_and_counts():
    (frames,) = planned(line([1.0] * 20, labelled={5}), n=1)
    assert 12 <= frames[0] <= 16


def test_the_gap_is_kept():
    one = line([1.0] * 9, labelled={4}, min_gap=4)
    assert planned(one, n=9) == [[0, 8]]


def test_the_quota_is_kept():
    assert planned(line([1.0] * 9, room=2), n=5)[0] == pytest.approx([2, 7], abs=1)


def test_the_first_of_a_plan_are_worth_most_together():
    one = line([1.0] * 39)
    plan([one], 4)
    chosen = sorted(spot.frame.frame_idx for spot in first_of([one], 2))
    assert chosen[0] < 20 <= chosen[1]


def test_a_cheap_label_that_leaves_little_error_is_preferred_and_needs_something_to_correct():
    click = Offer(LabelKind.CLICK, 5.0, keeps=0.3, from_nothing=None)
    known = line([1.0] * 20, error=[0.4] * 21, labelled={10}, offers=(MASK, click))
    plan([known], 1)
    assert [offer.kind for offer in known.planned.values()] == [LabelKind.CLICK]
    unknown = line([1.0] * 20, offers=(MASK, click))
    plan([unknown], 1)
    assert [offer.kind for offer in unknown.planned.values()] == [LabelKind.MASK]


def test_a_label_that_is_as_wrong_as_the_frame_is_worth_little():
    def gain(offer):
        known = line([1.0] * 20, error=[0.4] * 21, labelled={10}, offers=(offer,))
        plan([known], 1)
        return first_of([known], 1)[0].gain

    as_wrong = Offer(LabelKind.CLICK, 5.0, keeps=1.0, from_nothing=None)
    assert gain(as_wrong) < 0.2 * gain(MASK)


def test_a_label_drawn_from_nothing_is_no_worse_where_nothing_is_known():
    outline = Offer(LabelKind.POLYGON, 25.0, keeps=0.2, adds=0.1, from_nothing=0.15)
    assert outline.residual(0.1) == pytest.approx(0.12)
    assert outline.residual(1.0) == 0.15


def test_the_fewer_labels_are_asked_for_soon_the_coarser_they_may_be():
    outline = Offer(LabelKind.POLYGON, 25.0, adds=0.15)

    def kinds(n_soon):
        known = line([1.0] * 20, error=[0.4] * 21, labelled={10}, offers=(MASK, outline))
        plan([known], 2, n_soon)
        return {offer.kind for offer in known.planned.values()}

    assert kinds(1) == {LabelKind.POLYGON}
    assert kinds(12) == {LabelKind.MASK}


@settings(max_examples=40, deadline=None)
@given(hazard=st.lists(st.floats(0, 3), min_size=3, max_size=30), n=st.integers(1, 5))
def test_more_labels_never_make_the_expectation_worse_and_plans_repeat(hazard, n):
    one, two = line(hazard), line(hazard)
    plan([one], n)
    plan([two], n)
    assert one.planned.keys() == two.planned.keys()
    spots = first_of([one], n)
    assert all(spot.gain >= 0 for spot in spots)
    assert [s.rate for s in spots[:1]] >= [s.rate for s in spots[1:2]]
