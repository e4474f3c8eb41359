"""Crops of frames, strokes and masks."""

import numpy as np
import pytest

from al_core.discovery.scribbles.crops import (
    ScribbledFrame,
    any_crop,
    normalised,
    scribbled_crop,
    shape_crop,
    side_of,
)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize(
    ("sizes", "side"),
    [([(50, 70), (200, 40)], 32), ([(500, 700)], 96), ([(9, 40)], 16)],
    ids=["small", "large", "tiny"],
)
def test_the_side_fits_into_the_smallest_picture(sizes, side):
    assert side_of([np.zeros((*size, 3), np.uint8) for size in sizes]) == side


def test_a_crop_has_a_stroke_where_its_picture_shows_it(rng):
    image = np.zeros((60, 90, 3), np.uint8)
    classes = np.full((60, 90), -1, np.int8)
    classes[20:30, 40:60], image[20:30, 40:60] = 1, 255
    for _ in range(5):
        picture, seen = scribbled_crop(ScribbledFrame(image, classes), 32, rng)
        assert (picture.shape, seen.shape) == ((3, 32, 32), (32, 32))
        assert set(np.unique(seen)) <= {-1, 1}
        assert picture[:, seen == 1].mean() > picture[:, seen == -1].mean() + 2


def test_beyond_the_frame_nobody_scribbled(rng):
    _, seen = scribbled_crop(ScribbledFrame(np.zeros((16, 16, 3), np.uint8), np.ones((16, 16), np.int8)), 64, rng)
    assert (seen == -1).any()
    assert (seen == 1).any()


def test_pictures_and_masks_are_cropped_from_anywhere(rng):
    picture = any_crop(np.full((50, 70, 3), 128, np.uint8), 32, rng)
    assert picture.dtype == np.float32
    assert float(np.ptp(picture, axis=(1, 2)).max()) == pytest.approx(0, abs=1e-6)
    mask = shape_crop(np.ones((20, 70), bool), 48, rng)
    assert (mask.shape, mask.dtype, float(mask.min())) == ((1, 48, 48), np.float32, 1.0)


def test_a_picture_is_seen_around_0():
    seen = normalised(np.array([[[0, 255, 127]]], np.uint8))
    assert (seen.shape, seen.dtype) == ((3, 1, 1), np.float32)
    assert seen.reshape(-1).tolist() == pytest.approx([-2, 2, 0], abs=0.01)
