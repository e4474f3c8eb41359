import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from al_core.errors import BadLabel
from al_core.evaluation.metrics import j_and_f
from al_core.interactive import refine_with_box
from al_core.interactive.closeup import window_of
from al_core.masks.soft import Window
from tests.al_core.interactive.figure import BODY, IMAGE, TRUTH, soft

BOX = window_of(TRUTH)
NOTHING = np.zeros((64, 64), np.float32)


def test_an_object_is_found_in_its_box():
    assert j_and_f(refine_with_box(IMAGE, NOTHING, BOX), TRUTH).j > 0.97


def test_a_prediction_that_fits_the_box_is_kept():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert (refine_with_box(noise, soft(TRUTH), BOX) == TRUTH).all()


def test_what_lies_outside_is_cut_off():
    spilled = TRUTH.copy()
    spilled[:, 55:] = True
    assert (refine_with_box(IMAGE, soft(spilled), BOX) == TRUTH).all()


def test_a_box_that_the_prediction_does_not_fill_brings_the_rest():
    assert j_and_f(refine_with_box(IMAGE, soft(BODY), BOX), TRUTH).j > 0.97


@given(st.integers(0, 10**6), st.integers(0, 40), st.integers(0, 40), st.integers(1, 20), st.integers(1, 20))
@hypothesis_settings(deadline=None, max_examples=30)
def test_something_is_found_and_only_inside(seed, x, y, w, h):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (48, 48, 3), np.uint8)
    box = Window(x, y, x + w, y + h)
    found = refine_with_box(image, rng.random((48, 48)).astype(np.float32), box)
    assert found.any()
    found[box.clipped((48, 48)).slices] = False
    assert not found.any()


def test_a_box_outside_the_frame():
    with pytest.raises(BadLabel, match="at least one pixel of the frame of 64x64"):
        refine_with_box(IMAGE, NOTHING, Window(70, 3, 80, 9))


def test_where_nothing_in_the_box_tells_itself_apart_the_ellipse_in_it_is_taken():
    """Pixels of two colours in turn: whatever colours say has the box of a speck."""
    image = np.full((60, 80, 3), 90, np.uint8)
    image[30, 40] = (250, 20, 20)
    found = refine_with_box(image, np.zeros((60, 80), np.float32), Window(20, 20, 60, 40))
    assert window_of(found) == Window(20, 20, 60, 40)
    assert found.sum() == pytest.approx(np.pi / 4 * 40 * 20, rel=0.03)
