"""Frames unlike each other."""

import numpy as np

from tests.toys.pools import places, pool_of, run


def test_farthest_from_the_labels():
    found = run("diverse", pool_of({1: 11}, [(1, 2)]), 2)
    assert places(found) == [(1, 10), (1, 6)]
    assert found[0].reason == "unlike all labelled frames: 8.000 from the nearest, frame 2 of video 1"


def test_the_first_of_all_is_typical():
    found = run("diverse", pool_of({1: 11}), 3)
    assert places(found) == [(1, 5), (1, 0), (1, 10)]


def test_equal_frames_go_to_the_earlier():
    same = pool_of({1: 4, 2: 4}, [(2, 1)], features=lambda frames: np.ones((len(frames), 3), np.float32))
    assert places(run("diverse", same, 2)) == [(1, 0), (1, 1)]
