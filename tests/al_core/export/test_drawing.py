import numpy as np
import pytest

from al_core.export.drawing import chip_size, draw_masks, put_chip
from al_core.export.palette import rgb

GREY = np.full((20, 30, 3), 100, np.uint8)
MASK = np.zeros((20, 30), bool)
MASK[5:15, 5:20] = True


def test_inside_is_tinted_outside_stays():
    drawn = draw_masks(GREY, [(MASK, "#ff0000")], opacity=0.5, line=1)
    assert drawn[10, 10].tolist() == [177, 50, 50]
    assert drawn[2, 2].tolist() == [100, 100, 100]
    np.testing.assert_allclose(drawn[5, 10], [255, 0, 0], atol=20)


def test_an_empty_mask_changes_nothing():
    np.testing.assert_array_equal(draw_masks(GREY, [(np.zeros((20, 30), bool), "#ff0000")]), GREY)


@pytest.mark.parametrize(("x", "y"), [(0, 0), (-50, -50), (500, 500)])
def test_a_chip_stays_within_the_image(x, y):
    image = GREY.copy()
    image = np.pad(image, ((0, 60), (0, 120), (0, 0)))
    before = image.copy()
    put_chip(image, "dog", x, y, "#0d9f78", 10)
    width, height = chip_size("dog", 10)
    changed = (image != before).any(axis=2)
    assert changed.sum() <= width * height
    assert (image[changed] == rgb("#0d9f78")).all(axis=1).any()


def test_a_chip_larger_than_the_image_is_cut():
    image = np.zeros((4, 5, 3), np.uint8)
    put_chip(image, "a long label", 0, 0, "#0d9f78", 10)
    assert image[0, 0].tolist() == list(rgb("#0d9f78"))
