"""Intervals for means: exact for shares, and wide enough for eight skewed figures."""

import numpy as np
import pytest

from al_core.audit.judging import share_interval
from al_core.audit.mean_bounds import mean_interval


@pytest.mark.parametrize(("hits", "of"), [(0, 8), (8, 8), (57, 60), (3, 20)])
def test_shares_have_the_interval_of_clopper_and_pearson(hits, of):
    found = mean_interval(np.r_[np.ones(hits), np.zeros(of - hits)], 0, 1, np.random.default_rng(0))
    assert found == pytest.approx(share_interval(hits, of), abs=0.012)


def test_eight_skewed_figures_cover():
    rng = np.random.default_rng(1)
    population = np.r_[np.full(90, 0.95), np.full(10, 0.0)]
    missed = 0
    for _ in range(300):
        low, high = mean_interval(rng.choice(population, 8), 0, 1, rng)
        missed += not low <= population.mean() <= high
    assert missed <= 20


def test_figures_outside_of_their_bounds_are_a_mistake():
    for values in ([], [1.5]):
        with pytest.raises(ValueError, match="expected figures"):
            mean_interval(np.array(values), 0, 1, np.random.default_rng(0))
