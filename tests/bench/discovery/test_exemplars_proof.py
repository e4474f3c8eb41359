"""The figures of the proof of watch and learn."""

import numpy as np
import pytest

from tests.bench.discovery.exemplars_proof import curve, matched

TRUTH = [np.array([[0.0, 0, 10, 10], [20, 0, 30, 10]]), np.array([[0.0, 0, 10, 10]]), np.zeros((0, 4))]


def seen(frame_idx, x, score):
    return frame_idx, np.array([x, 0.0, x + 10, 10]), score


def test_an_object_is_found_once_and_frames_with_a_given_box_do_not_count():
    found = [seen(0, 1, 0.9), seen(0, 2, 0.8), seen(2, 0, 0.7), seen(0, 20, 0.6), seen(1, 0, 1.0)]
    recall, precision = curve(found, TRUTH, {1})
    assert recall.tolist() == [0.5, 0.5, 0.5, 1.0]
    assert precision.tolist() == pytest.approx([1, 1 / 2, 1 / 3, 1 / 2])


def test_two_ways_are_compared_at_the_highest_recall_that_both_reach():
    ours = [seen(0, 0, 0.9), seen(1, 0, 0.8), seen(2, 0, 0.1)]
    theirs = [seen(2, 0, 0.9), seen(0, 0, 0.8)]
    assert matched(ours, theirs, TRUTH, set()) == pytest.approx((1.0, 0.5, 1 / 3))
    assert matched(ours, [], TRUTH, set()) == (0.0, 0.0, 0.0)
