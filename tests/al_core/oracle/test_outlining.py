"""Whole masks as a person draws them."""

import numpy as np
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from al_core.evaluation.metrics import j_and_f
from al_core.oracle import displaced
from tests.toys.masks import disk


def test_none():
    masks = [disk(30, 30, 12)]
    assert displaced(masks, 0.0, np.random.default_rng(0)) is not masks
    assert (displaced(masks, 0.0, np.random.default_rng(0))[0] == masks[0]).all()


def test_the_outline_moves_by_about_that_much():
    truth = disk(100, 100, 60, size=200)
    perimeter = 2 * np.pi * 60
    moved = [
        np.count_nonzero(displaced([truth], 3.0, np.random.default_rng(s))[0] ^ truth) / perimeter for s in range(20)
    ]
    # A normal displacement of standard deviation 3 is 2.4 on average.
    assert 1.8 < np.mean(moved) < 3.0


def test_small_objects_stay_themselves():
    truth = disk(20, 20, 4)
    drawn = [displaced([truth], 20.0, np.random.default_rng(s))[0] for s in range(20)]
    assert min(j_and_f(d, truth).j for d in drawn) > 0.4


def test_the_outline_is_smooth():
    truth = disk(100, 100, 60, size=200)
    drawn = displaced([truth], 3.0, np.random.default_rng(0))[0]
    edges = np.count_nonzero(drawn[:, 1:] ^ drawn[:, :-1])
    assert edges <= 1.2 * np.count_nonzero(truth[:, 1:] ^ truth[:, :-1])


def test_a_mask_that_fills_the_frame():
    full = np.ones((8, 8), bool)
    assert displaced([full], 2.0, np.random.default_rng(0))[0].all()


@given(st.integers(0, 10**6), st.floats(0.5, 8), st.integers(1, 20))
@hypothesis_settings(deadline=None)
def test_neighbours_do_not_overlap_and_nothing_vanishes(seed, noise, radius):
    masks = [disk(20, 20, radius), disk(21 + 2 * radius, 20, radius)]
    assert not (masks[0] & masks[1]).any()
    first, second = displaced(masks, noise, np.random.default_rng(seed))
    assert not (first & second).any()
    assert first.any()
    assert second.any()


def test_what_overlapped_may_overlap():
    masks = [disk(20, 20, 12), disk(26, 20, 12)]
    first, second = displaced(masks, 1.0, np.random.default_rng(0))
    assert np.count_nonzero(first & second) > 0.7 * np.count_nonzero(masks[0] & masks[1])
