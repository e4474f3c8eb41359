"""Tests of what is to be expected of random frames."""

import numpy as np
import pytest

from tests.bench.selection.rare import missed


def test_random_frames_miss_an_object_as_draws_without_replacement_do() -> None:
    # One frame of four shows it: the first draw misses in 3 of 4 cases, both draws in 2 of 4.
    assert missed(4, 1, 2).tolist() == [1, 0.75, 0.5]
    assert missed(4, 3, 4).tolist() == pytest.approx([1, 1 / 4, 0, 0, 0])


def test_the_frames_until_the_first_sight_are_those_of_many_draws() -> None:
    rng = np.random.default_rng(0)
    first = [next((n for n, i in enumerate(rng.permutation(50)[:10], 1) if i < 4), 11) for _ in range(4000)]
    assert missed(50, 4, 10).sum() == pytest.approx(np.mean(first), abs=0.2)
