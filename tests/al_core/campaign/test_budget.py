"""How many frames are asked for where the settings leave it open."""

from dataclasses import replace

import pytest

from al_core.campaign.budget import Facts, effective_limits, expected_machine_seconds, plan_campaign
from al_core.settings import Settings

SMALL = Facts(n_frames=659, n_videos=3, people=2, rounds=0, human_frames=0, frame_seconds=80.0, machine_seconds=240.0)


def plan(facts=SMALL, **changes):
    return plan_campaign(Settings().changed({name.replace("__", "."): value for name, value in changes.items()}), facts)


def test_a_share_of_all_frames_in_five_rounds():
    found = plan()
    assert (found.frames, found.per_round, found.rounds, found.left) == (33, 7, 5, 33)
    assert found.ahead == 6, "two people, three frames each while the machine works for 240 s"


def test_short_videos_get_four_frames_each_and_never_more_than_they_have():
    assert plan(replace(SMALL, n_frames=60, n_videos=3)).frames == 12
    assert plan(replace(SMALL, n_frames=2, n_videos=1)).frames == 2


def test_a_lot_of_footage_is_not_a_lot_of_work_by_itself():
    assert plan(replace(SMALL, n_frames=10_000_000, n_videos=100)).frames == 1000


def test_everybody_gets_frames_in_each_round():
    assert plan(replace(SMALL, people=6)).per_round >= 12


def test_a_slow_machine_makes_larger_rounds_but_not_fewer_than_three():
    found = plan(replace(SMALL, machine_seconds=3600.0))
    assert (found.per_round, found.ahead, found.rounds) == (11, 11, 3)


@pytest.mark.parametrize(
    ("changes", "frames", "per_round", "rounds"),
    [
        ({"stopping__max_human_frames": 40}, 40, 8, 5),
        ({"stopping__max_rounds": 3}, 33, 11, 3),
        ({"selection__frames_per_round": 3}, 33, 3, 11),
        ({"selection__frames_per_round": 3, "stopping__max_rounds": 50}, 150, 3, 50),
        ({"selection__frames_per_round": 3, "stopping__max_rounds": 0}, None, 3, None),
        ({"stopping__max_rounds": 0}, None, 7, None),
        ({"selection__frames_per_round": 3, "stopping__max_rounds": 5, "stopping__max_human_frames": 10}, 10, 3, 4),
    ],
)
def test_what_is_given_counts_and_the_rest_follows(changes, frames, per_round, rounds):
    found = plan(replace(SMALL, machine_seconds=1.0), **changes)
    assert (found.frames, found.per_round, found.rounds) == (frames, per_round, rounds)


def test_what_earlier_versions_stored_is_what_it_was():
    stored = {"selection__frames_per_round": 2, "stopping__max_rounds": 4, "annotator__ahead": 0}
    found = plan(**stored)
    assert (found.frames, found.per_round, found.rounds, found.ahead) == (8, 2, 4, 0)


def test_the_last_round_asks_for_what_is_left():
    found = plan(replace(SMALL, rounds=4, human_frames=30))
    assert (found.left, found.next_round, found.rounds) == (3, 3, 5)


def test_a_campaign_of_as_many_rounds_as_it_needs_ends_with_its_frames():
    limits = effective_limits(Settings().stopping, plan())
    assert (limits.max_rounds, limits.max_human_frames) == (0, 33)
    given = Settings().changed({"stopping.max_rounds": 2}).stopping
    assert effective_limits(given, plan()) == given


def test_the_machine_is_expected_to_take_longer_for_more_frames_and_in_the_first_round():
    settings = Settings()
    first = expected_machine_seconds(settings, 366, first=True)
    later = expected_machine_seconds(settings, 366, first=False)
    assert first > later > expected_machine_seconds(settings, 10, first=False) > 0
