"""Views: examples that look alike."""

import numpy as np

from al_core.discovery.exemplars.view_groups import views_of


def white(*kinds, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(3, 50))
    return np.stack([centres[kind] + 0.3 * rng.normal(size=50) for kind in kinds])


SQUARE, BROAD = (0.0, 0, 20, 20), (0.0, 0, 80, 20)


def groups(*arguments):
    return [group.tolist() for group in views_of(*arguments)]


def test_what_looks_alike_is_one_view():
    assert groups(white(0, 1, 0, 1, 0), np.array([SQUARE] * 5), 4) == [[0, 2, 4], [1, 3]]


def test_so_is_what_is_alike_in_shape():
    assert groups(white(0, 0, 0), np.array([SQUARE, BROAD, SQUARE]), 4) == [[0, 2], [1]]


def test_there_are_no_more_than_wanted_and_one_example_is_one_view():
    assert len(groups(white(0, 1, 2), np.array([SQUARE] * 3), 2)) == 2
    assert groups(white(2), np.array([SQUARE]), 4) == [[0]]


def test_views_of_very_few_are_left_out():
    assert groups(white(*[0] * 40, 1), np.array([SQUARE] * 41), 4) == [list(range(40))]
