"""What the network sees of a frame, there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from al_core.interactive.learned.views import FEWEST_PIXELS, View
from al_core.masks.soft import Window


def test_all_of_a_frame_fills_the_longer_side_of_the_square():
    view = View.whole((30, 60), 20)
    assert view.size == (10, 20)
    picture = view.image(np.full((30, 60, 3), 255, np.uint8))
    assert picture.shape == (20, 20, 3)
    assert (picture[:10] == 255).all()
    assert (picture[10:] != 255).all()


def test_a_close_up_reaches_beyond_what_it_shows_and_stays_in_the_frame():
    view = View.around(Window(40, 4, 60, 8), (100, 200), 0.5, 64)
    assert view.window == Window(30 - FEWEST_PIXELS, 0, 70 + FEWEST_PIXELS, 18 + FEWEST_PIXELS)


def test_small_parts_are_enlarged():
    view = View(Window(2, 2, 6, 6), 16)
    mask = np.zeros((10, 10), bool)
    mask[2:4, 2:6] = True
    seen = view.values(mask)
    assert seen.shape == (16, 16)
    assert (seen[:6] == 1).all()
    assert (seen[10:] == 0).all()


@pytest.mark.parametrize("view", [View.whole((40, 80), 32), View(Window(10, 5, 30, 35), 32)])
def test_pixels_are_found_where_they_are_seen(view):
    mask = np.zeros((40, 80), bool)
    mask[18:24, 16:24] = True
    x, y = view.point(20, 20)
    assert view.values(mask)[y, x] > 0.9


@given(st.integers(0, 20), st.integers(0, 20), st.integers(8, 20), st.integers(8, 20))
def test_what_is_seen_comes_back_to_where_it_was(x, y, width, height):
    view = View(Window(x, y, x + width, y + height), 64)
    mask = np.zeros((40, 40), bool)
    mask[y + 2 : y + height - 2, x + 2 : x + width - 2] = True
    back = view.on_frame(view.values(mask), (40, 40)) > 0.5
    assert np.array_equal(back, mask)
