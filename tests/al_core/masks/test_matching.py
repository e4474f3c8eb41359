import numpy as np

from al_core.masks.matching import matched


def test_the_sum_counts_not_the_best_single_pair():
    assert matched(np.array([[0.9, 0.8], [0.8, 0.1]])) == [(0, 1), (1, 0)]


def test_pairs_below_the_least_score_are_left_out():
    assert matched(np.array([[0.9, 0.0], [0.0, 0.2]]), least=0.5) == [(0, 0)]


def test_nothing_is_paired_with_nothing():
    assert matched(np.zeros((0, 3))) == []
