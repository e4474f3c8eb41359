"""The least certain frames first."""

import numpy as np
import pytest

from tests.toys.pools import places, pool_of, run


def test_ties_go_to_the_earlier_frame():
    uncertainty = np.array([0.5, 0.9, 0.5, 0.9, 0.5, 0.5], np.float32)
    pool = pool_of({1: 3, 2: 3}, (), uncertainty)
    assert places(run("least_certain", pool, 4)) == [(1, 1), (2, 0), (1, 0), (1, 2)]


def test_gap_passes_over_neighbours():
    uncertainty = np.array([0.1, 0.9, 0.8, 0.7, 0.2], np.float32)
    found = run("least_certain", pool_of({1: 5}, (), uncertainty), 3, min_gap=2)
    assert places(found) == [(1, 1), (1, 3)]
    assert [s.score for s in found] == pytest.approx([0.9, 0.7])


def test_before_predictions_it_spreads_evenly():
    assert places(run("least_certain", pool_of({1: 12}), 2)) == places(run("uniform", pool_of({1: 12}), 2))
