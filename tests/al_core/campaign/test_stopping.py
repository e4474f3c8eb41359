"""Every stopping rule by itself, and their order."""

from dataclasses import replace

import pytest

from al_core.campaign.stopping import Assured, History, stop_reason
from al_core.settings import StoppingSettings

GOING_ON = History(rounds=2, human_frames=4, human_seconds=320.0, coverage=0.5, qualities=(0.6, 0.7), frames_left=10)
NEVER = StoppingSettings(max_rounds=0)


@pytest.mark.parametrize(
    ("rules", "reached", "reason"),
    [
        ({"max_rounds": 3}, {"rounds": 3}, "all rounds are done: 3 of 3"),
        ({"max_human_frames": 5}, {"human_frames": 5}, "the budget of human frames is spent: 5 of 5 frames"),
        (
            {"max_human_seconds": 400},
            {"human_seconds": 480.0},
            "the budget of human time is spent: 480 of 400 seconds",
        ),
        (
            {"target_coverage": 0.9},
            {"coverage": 0.95},
            "the target coverage is reached: 95.0% of all frames have masks, wanted were 90.0%",
        ),
        (
            {"target_quality": 0.9},
            {"assured": Assured(3, "the share of good masks", 0.91, 0.96, "judged")},
            "the target quality is reached: the share of good masks of what round 3 delivered is at least 0.910 with "
            "95% confidence (judged, estimate 0.960), wanted were 0.9",
        ),
        (
            {"plateau_rounds": 2, "plateau_gain": 0.01},
            {"qualities": (0.6, 0.7, 0.69, 0.705)},
            "quality is on a plateau: 0.705 at best in the last 2 rounds after 0.700, "
            "a gain of +0.005 where 0.010 was wanted",
        ),
        ({}, {"frames_left": 0}, "the pool is empty: every frame was asked for, people labelled 4"),
    ],
)
def test_each_rule(rules, reached, reason):
    settings = NEVER.model_copy(update=rules)
    assert stop_reason(settings, GOING_ON) is None
    assert stop_reason(settings, replace(GOING_ON, **reached)) == reason


def test_an_estimate_above_the_target_is_not_enough():
    rules = NEVER.model_copy(update={"target_quality": 0.9})
    assert stop_reason(rules, replace(GOING_ON, assured=Assured(1, "J&F", 0.89, 0.97, "measured"))) is None


def test_a_rule_that_is_off_never_fires():
    far = replace(GOING_ON, rounds=999, human_frames=999, human_seconds=1e9, coverage=1.0, qualities=(0.9,) * 99)
    assert stop_reason(NEVER, far) is None


@pytest.mark.parametrize("qualities", [(), (0.7,), (0.7, 0.6)])
def test_a_plateau_needs_rounds_before_it(qualities):
    rules = NEVER.model_copy(update={"plateau_rounds": 2})
    assert stop_reason(rules, replace(GOING_ON, qualities=qualities)) is None


def test_a_gain_as_large_as_wanted_goes_on():
    rules = NEVER.model_copy(update={"plateau_rounds": 1, "plateau_gain": 0.25})
    assert stop_reason(rules, replace(GOING_ON, qualities=(0.5, 0.75))) is None
    assert stop_reason(rules, replace(GOING_ON, qualities=(0.5, 0.74))) is not None


def test_the_first_rule_gives_the_reason():
    rules = StoppingSettings(max_rounds=2, max_human_frames=4)
    assert stop_reason(rules, GOING_ON) == "all rounds are done: 2 of 2"
