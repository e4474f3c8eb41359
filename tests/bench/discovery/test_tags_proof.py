"""The figures of the proof of tags."""

import numpy as np
import pytest

from tests.bench.discovery.tags_proof import judge


def test_figures_are_those_of_the_best_threshold_and_of_the_highest_recall_at_a_precision():
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.1], np.float32)
    truth = np.array([1, 1, 0, 1, 0], bool)
    shown = np.array([1, 0, 1, 0, 0], bool)
    overlap, recall, masks = judge(scores, shown, truth, 0.75)
    assert (overlap, recall, masks) == pytest.approx((3 / 4, 1.0, 1 / 4))
    assert judge(scores, shown, truth, 0.8)[1] == pytest.approx(2 / 3)
