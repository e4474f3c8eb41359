"""Where the simulated hand clicks and what it draws."""

import numpy as np
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from al_core.evaluation.metrics import j_and_f
from al_core.interactive import Click, filled
from al_core.interactive.gestures import MOST_VERTICES, box_around, displaced, next_click, outline, strokes
from al_core.masks.soft import Window
from tests.toys.masks import disk


def rng(seed=0):
    return np.random.default_rng(seed)


def square(x0, y0, x1, y1):
    mask = np.zeros((32, 32), bool)
    mask[y0:y1, x0:x1] = True
    return mask


class TestClick:
    def test_the_middle_of_the_largest_wrong_region(self):
        truth = square(4, 4, 15, 15)
        assert next_click(square(0, 0, 0, 0), truth, 0, rng()) == Click(9, 9, True)
        # Missing: 3 rows of 11; too much: 5x5.
        mask = square(4, 7, 15, 15) | square(20, 20, 25, 25)
        assert next_click(mask, truth, 0, rng()) == Click(5, 5, True)
        assert next_click(mask | truth, truth, 0, rng()) == Click(22, 22, False)

    def test_nothing_wrong(self):
        assert next_click(square(4, 4, 9, 9), square(4, 4, 9, 9), 2, rng()) is None

    @given(st.integers(0, 10**6), st.floats(0, 20))
    @hypothesis_settings(deadline=None, max_examples=40)
    def test_however_the_hand_shakes_it_clicks_on_what_is_wrong(self, seed, noise):
        mask, truth = disk(20, 30, 12), disk(28, 30, 12)
        click = next_click(mask, truth, noise, rng(seed))
        assert (mask ^ truth)[click.y, click.x]
        assert truth[click.y, click.x] == click.positive

    def test_it_shakes_by_about_that_much(self):
        nothing, truth = np.zeros((200, 200), bool), disk(100, 100, 60, size=200)
        clicks = [next_click(nothing, truth, 4.0, rng(seed)) for seed in range(100)]
        assert 3 < np.std([c.x for c in clicks]) < 5


class TestStrokes:
    def test_along_the_longer_side_of_each_wrong_region(self):
        missing, extra = strokes(square(20, 3, 31, 6), square(3, 8, 8, 28))
        assert (missing.positive, extra.positive) == (True, False)
        assert missing.points.tolist() == [[5, y] for y in range(12, 24)]
        assert set(extra.points[:, 1]) == {4}

    @given(st.integers(0, 10**6))
    @hypothesis_settings(deadline=None, max_examples=30)
    def test_they_stay_on_what_is_wrong(self, seed):
        shaky = rng(seed)
        mask, truth = (disk(*shaky.uniform(10, 54, 2), shaky.uniform(3, 20)) for _ in range(2))
        for stroke in strokes(mask, truth):
            x, y = stroke.points.T
            assert (mask ^ truth)[y, x].all()
            assert (truth[y, x] == stroke.positive).all()


class TestBox:
    def test_a_steady_hand_draws_the_tight_box(self):
        assert box_around(square(3, 8, 9, 28), 0, rng()) == Window(3, 8, 9, 28)

    @given(st.integers(0, 10**6), st.integers(1, 8), st.floats(0, 30))
    @hypothesis_settings(deadline=None, max_examples=40)
    def test_it_lies_in_the_frame_and_holds_something(self, seed, radius, noise):
        box = box_around(disk(62, 2, radius), noise, rng(seed))
        assert not box.empty
        assert box == box.clipped((64, 64))


class TestOutline:
    def test_a_square_has_four_corners(self):
        (polygon,) = outline(square(3, 8, 9, 28), 0, rng())
        assert sorted(map(tuple, polygon.tolist())) == [(3, 8), (3, 27), (8, 8), (8, 27)]

    def test_it_is_coarse_but_right(self):
        truth = disk(30, 30, 20)
        polygons = outline(truth, 0, rng())
        assert sum(len(p) for p in polygons) <= MOST_VERTICES
        assert j_and_f(filled((64, 64), polygons), truth).j > 0.9

    def test_each_larger_piece_is_drawn(self):
        assert len(outline(square(2, 2, 12, 12) | square(18, 18, 30, 30) | square(30, 0, 31, 1), 0, rng())) == 2

    def test_a_dot_is_a_polygon_too(self):
        (polygon,) = outline(square(5, 5, 6, 6), 2, rng())
        assert filled((32, 32), [polygon]).sum() == 1


class TestWholeMask:
    def test_none(self):
        masks = [disk(30, 30, 12)]
        assert displaced(masks, 0.0, rng(0)) is not masks
        assert (displaced(masks, 0.0, rng(0))[0] == masks[0]).all()

    def test_the_outline_moves_by_about_that_much(self):
        truth = disk(100, 100, 60, size=200)
        perimeter = 2 * np.pi * 60
        moved = [np.count_nonzero(displaced([truth], 3.0, rng(s))[0] ^ truth) / perimeter for s in range(20)]
        # A normal displacement of standard deviation 3 is 2.4 on average.
        assert 1.8 < np.mean(moved) < 3.0

    def test_small_objects_stay_themselves(self):
        truth = disk(20, 20, 4)
        drawn = [displaced([truth], 20.0, rng(s))[0] for s in range(20)]
        assert min(j_and_f(d, truth).j for d in drawn) > 0.4

    def test_the_outline_is_smooth(self):
        truth = disk(100, 100, 60, size=200)
        drawn = displaced([truth], 3.0, rng(0))[0]
        edges = np.count_nonzero(drawn[:, 1:] ^ drawn[:, :-1])
        assert edges <= 1.2 * np.count_nonzero(truth[:, 1:] ^ truth[:, :-1])

    def test_a_mask_that_fills_the_frame(self):
        full = np.ones((8, 8), bool)
        assert displaced([full], 2.0, rng(0))[0].all()

    @given(st.integers(0, 10**6), st.floats(0.5, 8), st.integers(1, 20))
    @example(11201, 1.0, 1)  # A dot that would vanish lies where its neighbour has moved to.
    @hypothesis_settings(deadline=None)
    def test_neighbours_do_not_overlap_and_nothing_vanishes(self, seed, noise, radius):
        masks = [disk(20, 20, radius), disk(21 + 2 * radius, 20, radius)]
        assert not (masks[0] & masks[1]).any()
        first, second = displaced(masks, noise, rng(seed))
        assert not (first & second).any()
        assert first.any()
        assert second.any()

    def test_what_overlapped_may_overlap(self):
        masks = [disk(20, 20, 12), disk(26, 20, 12)]
        first, second = displaced(masks, 1.0, rng(0))
        assert np.count_nonzero(first & second) > 0.7 * np.count_nonzero(masks[0] & masks[1])
