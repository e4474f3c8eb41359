import numpy as np
import pytest

from al_core.errors import BadLabel
from al_core.interactive.closeup import Closeup, check, depth, window_of
from al_core.masks.soft import Window


def test_small_parts_are_left_as_they_are():
    mask = np.zeros((64, 64), bool)
    mask[20:30, 20:40] = True
    closeup = Closeup.around(window_of(mask), (64, 64), 0.25, 100)
    assert closeup.window == Window(3, 3, 57, 47)
    assert closeup.size == (44, 54)
    assert (closeup.enlarged(closeup.values(mask)) == mask[closeup.window.slices]).all()
    assert closeup.point(20, 21) == (17, 18)


def test_big_parts_are_made_smaller():
    closeup = Closeup.around(Window(0, 0, 400, 200), (200, 400), 0.25, 100)
    assert closeup.size == (50, 100)
    assert closeup.point(0, 0) == (0, 0)
    assert closeup.point(399, 199) == (99, 49)
    assert closeup.image(np.full((200, 400, 3), 7, np.uint8)).shape == (50, 100, 3)


def test_an_empty_mask_has_an_empty_window():
    assert window_of(np.zeros((4, 4), bool)).empty


def test_depth():
    mask = np.array([[0, 1, 1, 1, 1]], bool)
    assert depth(mask).tolist() == [[0, 1, 2, 3, 4]]
    assert np.isinf(depth(np.ones((2, 2), bool))).all()


def test_depth_is_the_root_of_a_whole_number_wherever_the_memory_lies():
    mask = np.hypot(*(np.indices((66, 66)) - 32)) < 15
    found = {}
    for offset in range(64):
        memory = np.zeros(mask.size + 64, bool)
        placed = memory[offset : offset + mask.size].reshape(mask.shape)
        placed[:] = mask
        distances = depth(placed)
        found[distances.tobytes()] = distances
    assert len(found) == 1
    squares = np.rint(np.square(distances))
    assert np.array_equal(distances, np.sqrt(squares))


def test_sizes_must_agree():
    with pytest.raises(BadLabel, match=r"one size, got \[4, 5, 3\] and \[4, 4\]"):
        check(np.zeros((4, 5, 3), np.uint8), np.zeros((4, 4), np.float32))
