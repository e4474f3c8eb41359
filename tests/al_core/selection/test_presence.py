"""Objects that nobody has seen, where the chance of one can be said in numbers."""

import numpy as np
import pytest

from al_core.selection.presence import (
    USUAL_STAY,
    Expected,
    Presence,
    Side,
    expected_of,
    presence_of,
    stays_of,
    unlooked,
    unlooked_in,
)


def test_a_frame_that_was_looked_at_is_known_and_the_others_are_the_less_known_the_farther_away():
    found = unlooked(np.arange(41), 0, 40, stay=10)
    assert found[[0, 40]].tolist() == [0, 0]
    assert found[20] == pytest.approx((20 / 30) ** 2)
    assert found.argmax() == 20
    assert unlooked(np.array([10]), 0, None, stay=10) == pytest.approx(0.5)
    assert unlooked(np.arange(3), None, None, stay=10).tolist() == [1, 1, 1]


def test_a_video_is_known_at_its_looks_and_between_them_as_two_of_them_say():
    found = unlooked_in(100, {60, 20}, stay=10)
    assert np.flatnonzero(found == 0).tolist() == [20, 60]
    assert found[30] == pytest.approx(unlooked(np.array([30]), 20, 60, stay=10)[0])
    assert found[0] == pytest.approx(20 / 30)
    assert found[99] == pytest.approx(39 / 49)
    assert unlooked_in(3, (), stay=10).tolist() == [1, 1, 1]


def test_the_chance_never_stops_growing_away_from_a_look():
    assert (np.diff(unlooked(np.arange(20_000), 0, None, stay=25)) > 0).all()


def test_an_object_that_was_seen_on_both_sides_is_probably_there_and_one_seen_nowhere_is_not():
    life = Presence(rate=0.1, stay=20)
    both, one, none = (life.chance(Side(5, a), Side(5, b)) for a, b in ((True, True), (True, False), (False, False)))
    assert both > 0.9
    assert none < 0.01
    assert none < one < both
    assert one == pytest.approx(life.chance(Side(5, False), Side(5, True)))


def test_far_from_all_labels_the_chance_is_the_rate():
    life = Presence(rate=0.1, stay=20)
    for before, after in ((None, None), (Side(10**7, False), None), (Side(10**7, True), Side(10**7, False))):
        assert life.chance(before, after) == pytest.approx(0.1, rel=0.01)


def test_where_objects_are_always_there_what_both_labels_show_is_there():
    assert Presence(1.0).chance(Side(30, True), Side(4, True)) == 1
    assert Presence(1.0).chance(None, Side(4, True)) == 1


def test_a_rate_and_a_stay_have_their_ranges():
    with pytest.raises(ValueError, match="got 1.2 and 3"):
        Presence(1.2, 3)


@pytest.mark.parametrize(
    ("mine", "everywhere", "rate"),
    [
        ([], [], 1.0),
        ([True], [True], 1.0),
        ([], [False], 0.5),
        ([False], [False], 3 / 7),
        ([False], [False] + [True] * 9, 60 / 77),
        ([False] * 18, [False] * 18, 6 / 19 / 24),
    ],
    ids=["no label", "seen", "only another video, empty", "empty", "empty, others not", "always empty"],
)
def test_the_rate_follows_the_labels_of_the_video_and_of_the_project(mine, everywhere, rate):
    assert presence_of(mine, everywhere).rate == pytest.approx(rate)


def test_the_stay_follows_what_was_seen():
    assert presence_of([], []).stay == USUAL_STAY
    assert presence_of([], [], [10, 20]).stay == (2 * USUAL_STAY + 30) / 4
    assert stays_of([False, True, True, False, True]) == [2, 1]
    assert stays_of([True, True]) == stays_of([False]) == []


@pytest.mark.parametrize(
    ("shown", "labels", "error"),
    [
        ({1: 0.8, 2: 0.4}, ({1, 2}, None), 0.4),
        ({1: 0.8}, ({1, 2}, {1, 2}), 0.6),
        ({1: 0.8, 3: 0.2}, ({1}, None), 0.5),
    ],
    ids=["all there", "one is missed", "one that no label has"],
)
def test_a_frame_is_expected_to_be_as_good_as_its_objects(shown, labels, error):
    known = {i: seen for i, seen in ((0, labels[0]), (4, labels[1])) if seen is not None}
    assert expected_of({2: shown}, known, range(5), Presence(1.0)).error[2] == pytest.approx(error)


def test_between_empty_labels_not_knowing_is_not_being_right():
    found = expected_of({}, {10: (), 30: ()}, range(41), Presence(rate=0.3, stay=10))
    assert found.error[[10, 30]].tolist() == [0, 0]
    assert found.error[20] == pytest.approx(0.3 / 4)
    assert found.error[40] == pytest.approx(0.3 / 2)
    assert found.unseen.tolist() == found.error.tolist()
    assert found.vacant == set(range(41)) - {10, 30}


def test_where_the_flow_lost_an_object_that_one_label_shows_it_may_still_be_there():
    found = expected_of({}, {0: {1}, 100: ()}, range(101), Presence(rate=0.05, stay=10)).error
    assert found[1] > 0.9 > found[50] > found[99]
    assert found[50] < 0.2


def test_of_a_shot_without_labels_only_the_rate_is_known():
    found = expected_of({1: {5: 0.9}}, {7: {5}}, range(3), Presence(0.25))
    assert found.error.tolist() == [0.25, 1, 0.25]
    assert found.vacant == frozenset()
    assert isinstance(found, Expected)


def test_an_object_that_one_of_two_labels_misses_may_be_gone_although_something_is_always_there():
    found = expected_of({}, {0: {1, 2}, 40: {1}}, range(41), Presence(rate=1.0, stay=10)).error
    of_the_second = 2 * found - 1
    assert of_the_second[20] == pytest.approx(0.5)
    assert 0.5 < of_the_second[5] < 1
    assert 0 < of_the_second[35] < 0.5
