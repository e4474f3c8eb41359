"""Intervals against what theory says of them."""

import numpy as np
import pytest

from al_core.evaluation.bootstrap import bootstrap_weights, estimate, interval, mean_estimate


def rng():
    return np.random.default_rng(0)


def test_weights_sum_to_one_and_are_one_each_on_average():
    weights = bootstrap_weights(5, rng())
    assert weights.shape == (2000, 5)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_allclose(weights.mean(axis=0), 0.2, atol=0.02)


def test_the_interval_of_a_mean_is_that_of_the_theory():
    """100 clusters, half 0 and half 1: the standard error of their mean is .05."""
    found = mean_estimate(np.arange(100) % 2.0, rng())
    assert found.value == 0.5
    np.testing.assert_allclose([found.low, found.high], [0.5 - 1.96 * 0.05, 0.5 + 1.96 * 0.05], atol=0.015)


def test_an_interval_is_taken_of_each_column():
    low, high = interval(np.stack([np.arange(101.0), 2 * np.arange(101.0)], axis=1))
    np.testing.assert_allclose(low, [2.5, 5])
    np.testing.assert_allclose(high, [97.5, 195])


def test_infinite_draws_have_an_outer_end():
    assert interval(np.array([1.0, 2.0, np.inf]), "higher")[1] == np.inf


@pytest.mark.parametrize("found", [mean_estimate(np.array([0.3]), rng()), estimate(0.3)])
def test_one_cluster_has_no_interval(found):
    assert found.value == 0.3
    assert not found.known
    assert np.isnan([found.low, found.high]).all()
