"""Gestures as the network sees them."""

import numpy as np

from al_core.interactive import Click, Stroke
from al_core.interactive.learned.prompts import IN_CHANNELS, RADIUS, Prompt, network_input
from al_core.interactive.learned.views import View
from al_core.masks.soft import Window

NOTHING = np.zeros((64, 64), bool)
VIEW = View.whole((64, 64), 64)


def test_clicks_are_disks_on_the_side_that_they_name():
    on, off, boxed = Prompt(clicks=(Click(20, 30, True), Click(50, 10, False))).drawn(VIEW)
    assert on[30, 20] == off[10, 50] == 1
    assert on[10, 50] == off[30, 20] == 0
    assert 2 * RADIUS**2 < on.sum() < 5 * RADIUS**2
    assert not boxed.any()


def test_of_two_clicks_on_one_pixel_the_later_one_shows():
    on, off, _ = Prompt(clicks=(Click(20, 30, True), Click(20, 30, False))).drawn(VIEW)
    assert not on.any()
    assert off[30, 20] == 1


def test_a_stroke_is_a_line_and_a_box_is_filled():
    stroke = Stroke(np.array([[10, 20], [30, 20]]), True)
    on, _, boxed = Prompt(strokes=(stroke,), box=Window(5, 6, 15, 26)).drawn(VIEW)
    assert (on[20, 10:31] == 1).all()
    assert boxed.sum() == 200
    assert (boxed[6:26, 5:15] == 1).all()


def test_the_window_holds_mask_and_gestures():
    mask = NOTHING.copy()
    mask[10:12, 20:25] = True
    prompt = Prompt((Click(40, 3, True),), (Stroke(np.array([[2, 50], [4, 60]]), False),))
    assert prompt.window(mask) == Window(2, 3, 41, 61)
    assert Prompt(box=Window(1, 2, 3, 4)).window(NOTHING) == Window(1, 2, 3, 4)


def test_the_network_sees_picture_mask_and_gestures():
    mask = NOTHING.copy()
    mask[:32] = True
    seen = network_input(VIEW, np.full((64, 64, 3), 255, np.uint8), mask, Prompt(clicks=(Click(1, 40, True),)))
    assert (seen.shape, seen.dtype) == ((IN_CHANNELS, 64, 64), np.float32)
    np.testing.assert_allclose(seen[:3], 2, atol=1e-5)
    assert np.array_equal(seen[3] > 0.5, mask)
    assert seen[4, 40, 1] == 1
