"""The figures of boxes that people say yes or no to."""

import numpy as np

from tests.bench.discovery.footage.boxes_by_looks import hits, seconds_with, told

TRUTH = [np.array([[0.0, 0, 10, 10], [20, 0, 30, 10]]), np.array([[0.0, 0, 10, 10]])]


def seen(frame_idx, x, score):
    return frame_idx, np.array([x, 0.0, x + 10, 10]), score


def test_a_proposal_is_right_where_it_is_the_first_on_an_object_that_nobody_drew():
    found = [seen(0, 20, 0.5), seen(0, 0, 0.9), seen(1, 1, 0.8), seen(1, 0, 0.7)]
    assert hits(found, TRUTH, {(0, 0)}) == [False, True, False, True]


def test_looks_cost_2_seconds_and_what_is_lacking_7():
    assert seconds_with([], 1, 3) == 21
    assert seconds_with([True, True, False], 1, 3) == 7 + 4
    assert seconds_with([False, True], 1, 3) == 7 + 4 + 7


def test_what_is_less_sure_is_not_looked_at():
    found = [seen(0, 20, 0.9), seen(0, 50, 0.3), seen(0, 70, 0.2), seen(1, 0, 0.1)]
    line = told(found, [], TRUTH, {(0, 0)})
    assert (line["drawn"], line["tracks alone"]) == (21, 21)
    assert line["all that is found"] == 7 + 8
    assert line["what is shown"] == 7 + 2 + 7
    assert line["by confidence"] == [[1, 1.0], [2, 0.0], [0, 0.0], [0, 0.0], [1, 1.0]]
