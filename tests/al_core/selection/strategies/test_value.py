"""What the strategy does around the plan, which is tested in test_plan.py."""

from dataclasses import replace

import numpy as np

from al_core.selection.error_model import Outlook
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
