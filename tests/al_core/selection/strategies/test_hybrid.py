"""Frames unlike each other among the uncertain."""

import numpy as np

from tests.toys.pools import places, pool_of, run


def test_diverse_among_the_uncertain():
    # Uncertain are frames 4 to 7; frame 7 is least like the label in frame 0, then 4.
    uncertainty = np.array([0, 0, 0, 0, 0.7, 0.7, 0.9, 0.8, 0, 0], np.float32)
    found = run("hybrid", pool_of({1: 10}, [(1, 0)], uncertainty), 2, pool_factor=2)
    assert places(found) == [(1, 7), (1, 4)]
    assert found[0].reason.startswith("uncertainty 0.800; unlike all labelled frames: 7.000")


def test_before_predictions_only_diversity_counts():
    assert places(run("hybrid", pool_of({1: 11}), 2)) == places(run("diverse", pool_of({1: 11}), 2))


def test_a_quota_is_met_when_the_uncertain_are_in_one_video():
    uncertainty = np.array([0.9] * 10 + [0.1] * 10, np.float32)
    found = run("hybrid", pool_of({1: 10, 2: 10}, (), uncertainty), 4, pool_factor=2, quota_per_video=2)
    assert sorted(v for v, _ in places(found)) == [1, 1, 2, 2]
