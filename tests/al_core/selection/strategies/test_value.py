"""What the strategy does around the plan, which is tested in test_plan.py."""

from dataclasses import replace

import numpy as np
import pytest

from al_core.records import LabelKind
from al_core.selection.error_model import Outlook
from al_core.selection.plan import Line, Offer
from al_core.selection.presence import Presence, expected_of
from tests.toys.pools import places, pool_of, run


def test_frames_are_spread_evenly_while_nothing_is_known():
    pool = replace(pool_of({1: 40}), outlooks=None)
    assert places(run("value", pool, 2)) == places(run("uniform", pool, 2))


def test_the_video_that_goes_wrong_is_asked_for():
    def outlook(video):
        return Outlook(np.full(20, 0.05 if video == 1 else 0.5), np.ones(19), frozenset({10}))

    pool = replace(pool_of({1: 20, 2: 20}, [(1, 10), (2, 10)]), outlooks=outlook)
    found = run("value", pool, 2)
    assert {s.frame.video_id for s in found} == {2}
    assert "expected to improve frames" in found[0].reason


def test_a_campaign_that_is_planned_ends_evenly():
    first = run("value", pool_of({1: 41}), 2, planned_frames=4)
    labelled = places(first)
    second = run("value", pool_of({1: 41}, labelled), 2, planned_frames=4)
    steps = np.diff(sorted(f for _, f in labelled + places(second)))
    assert steps.min() >= 8


def empty_outlook(n_frames, labelled, rate=0.2):
    """A video in which every label says that nothing is there."""
    found = expected_of({}, dict.fromkeys(labelled, ()), range(n_frames), Presence(rate))
    return Outlook(
        found.error, np.full(n_frames - 1, 0.5), frozenset(labelled), vacant=found.vacant, unseen=found.unseen
    )


def test_between_labels_that_say_nothing_is_there_frames_are_spread_evenly_over_all_videos():
    labelled = (20, 40)
    pool = pool_of(dict.fromkeys((1, 2, 3), 61), [(v, i) for v in (1, 2, 3) for i in labelled])
    found = run("value", replace(pool, outlooks=lambda _: empty_outlook(61, labelled)), 9)
    for video in (1, 2, 3):
        first, middle, last = sorted(frame for of, frame in places(found) if of == video)
        assert (first < 10, abs(middle - 30) <= 2, last > 50) == (True, True, True)
    assert all("something may have come" in s.reason for s in found)


def test_what_is_known_to_be_wrong_goes_before_what_is_known_to_be_empty():
    wrong = Outlook(np.full(40, 0.4), np.full(39, 0.5), frozenset({20}))
    pool = pool_of({1: 40, 2: 40}, [(1, 20), (2, 20)])
    found = run("value", replace(pool, outlooks=lambda v: empty_outlook(40, (20,), 0.02) if v == 1 else wrong), 1)
    assert [s.frame.video_id for s in found] == [2]


def test_after_empty_first_answers_frames_are_not_asked_one_after_the_other():
    labelled = {1: (500,), 2: (250, 750)}
    lengths = dict.fromkeys(labelled, 1000)
    pool = pool_of(lengths, [(v, i) for v, mine in labelled.items() for i in mine])
    found = places(run("value", replace(pool, outlooks=lambda v: empty_outlook(1000, labelled[v])), 8))
    assert {v for v, _ in found} == {1, 2}
    for video, mine in labelled.items():
        marks = sorted([*mine, *(i for v, i in found if v == video)])
        assert np.diff(marks).min() >= 80
        assert (marks[0] < 200, marks[-1] > 800) == (True, True)


def test_a_video_whose_first_label_was_empty_is_asked_for_again():
    known = Outlook(np.full(100, 0.1), np.full(99, 0.5), frozenset({20, 50, 80}))
    pool = pool_of({1: 100, 2: 100}, [(1, 50), *((2, i) for i in (20, 50, 80))])
    found = places(run("value", replace(pool, outlooks=lambda v: empty_outlook(100, (50,)) if v == 1 else known), 2))
    assert 1 in {v for v, _ in found}


def test_where_nothing_is_expected_to_be_wrong_frames_are_spread_over_videos_and_time():
    right = Outlook(np.zeros(100), np.full(99, 0.5), frozenset({0, 99}))
    pool = pool_of({1: 100, 2: 100}, [(v, i) for v in (1, 2) for i in (0, 99)])
    assert places(run("value", replace(pool, outlooks=lambda _: right), 2)) == [(1, 49), (2, 49)]


def test_where_even_spacing_would_miss_what_comes_half_of_the_first_frames_are_conspicuous():
    def cues(video):
        found = np.zeros(1000)
        found[300:320] = 4.0 if video == 2 else 0.0
        return found

    offers = (Offer(LabelKind.MASK, 80.0),)
    pool = replace(pool_of({1: 1000, 2: 1000}), outlooks=None, cues=cues, offers=offers)
    found = run("value", pool, 4)
    assert places(found)[0][0] == 2
    assert 300 <= places(found)[0][1] < 320
    assert "stands out" in found[0].reason
    assert [s.rank for s in found] == [0, 1, 2, 3]
    assert len(set(places(found))) == 4
    # Where frames lie near each other, they are spread evenly.
    assert places(run("value", pool, 20)) == places(run("uniform", pool, 20))


def test_a_look_where_nothing_is_known_to_be_costs_what_saying_so_costs():
    line = Line(1, empty_outlook(1000, (500,)), np.arange(1000), pool_of({1: 2}).offers)
    spot = line.at(700)
    chance = line.outlook.error[700]
    assert spot.gain / spot.rate == pytest.approx(chance * 80 + (1 - chance) * 3)


def coming_and_going(n_frames, labels, shown=None, rate=0.2, chance=None):
    """A video in which objects come and go, as a pool is told of it; ``labels`` says what each labelled frame shows."""
    likely = np.full(n_frames, rate) if chance is None else chance
    found = expected_of(shown or {}, labels, range(n_frames), Presence(rate), likely)
    return Outlook(found.error, np.full(n_frames - 1, 0.05), frozenset(labels), 1.0, found.vacant, found.unseen)


def seeking(outlooks, n, **settings):
    """Ask ``value`` for frames of some videos."""
    lengths = {video: len(outlook.error) for video, outlook in outlooks.items()}
    labelled = [(video, i) for video, outlook in outlooks.items() for i in sorted(outlook.labelled)]
    return run("value", replace(pool_of(lengths, labelled), outlooks=lambda video: outlooks[video]), n, **settings)


def test_what_nobody_saw_is_sought_where_frames_look_like_it_and_not_there_alone():
    striking = np.where(np.arange(1000) < 300, 0.5, 0.1)
    found = seeking({1: coming_and_going(1000, {500: ()}, chance=striking)}, 12)
    frames = [i for _, i in places(found)]
    assert sum(i < 300 for i in frames) >= 6
    assert sum(i > 500 for i in frames) >= 2
    assert all("something may have come" in s.reason for s in found)


def test_a_quota_holds_for_all_that_a_round_asks_for():
    outlooks = {video: coming_and_going(1000, {500: ()}) for video in (1, 2, 3)}
    found = [video for video, _ in places(seeking(outlooks, 9, quota_per_video=3))]
    assert sorted(found) == [1, 1, 1, 2, 2, 2, 3, 3, 3]
