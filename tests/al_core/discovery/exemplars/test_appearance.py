"""What windows of a picture look like."""

import cv2
import numpy as np
import pytest

from al_core.discovery.exemplars.appearance import (
    CELL,
    CHANNELS,
    DIRECTIONS,
    Shape,
    features,
    pyramid,
    scales_for,
    windows,
)


def stripes(angle, size=(64, 64)):
    rows, columns = np.mgrid[: size[0], : size[1]]
    wave = np.sin((columns * np.cos(angle) + rows * np.sin(angle)) * 0.8)
    return np.repeat((127 + 100 * wave)[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("direction", [0, 2, 5, 7])
def test_the_direction_of_gradients_tells_where_stripes_run(direction):
    cells = features(stripes(np.pi * direction / DIRECTIONS))
    assert cells.shape == (16, 16, CHANNELS)
    strongest = cells[2:-2, 2:-2, :DIRECTIONS].mean(axis=(0, 1)).argmax()
    assert strongest == direction


def test_light_does_not_change_directions_and_colour_is_told():
    dark, light = features(stripes(0.5) // 2), features(stripes(0.5))
    assert np.allclose(dark[2:-2, 2:-2, :DIRECTIONS], light[2:-2, 2:-2, :DIRECTIONS], atol=0.08)
    red = np.full((16, 16, 3), (200, 40, 40), np.uint8)
    assert features(red)[..., -2].min() > 0.2
    assert abs(features(np.full_like(red, 90))[..., -2:]).max() < 0.02


def test_a_window_looks_the_same_however_large_it_is():
    picture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (60, 60, 3)).astype(np.uint8), (0, 0), 3)
    twice = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    box, shape = np.array([[12.0, 12, 36, 36]]), Shape(6, 6)
    one, other = windows(picture, box, shape)[0], windows(twice, 2 * box, shape)[0]
    elsewhere = windows(picture, box + 10, shape)[0]
    assert np.corrcoef(one, other)[0, 1] > 0.95
    assert np.corrcoef(one, elsewhere)[0, 1] < 0.9


def test_a_window_is_what_its_place_in_the_features_of_the_picture_is():
    picture = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.uint8), (0, 0), 3)
    shape = Shape(4, 5)
    box = np.array([[16.0, 20, 16 + 5 * CELL, 20 + 4 * CELL]])
    there = features(picture)[5:9, 4:9].reshape(-1)
    assert np.corrcoef(windows(picture, box, shape)[0], there)[0, 1] > 0.99


def test_a_window_over_the_border_has_numbers_too():
    found = windows(stripes(0.3), np.array([[-20.0, -10, 20, 20], [50, 50, 90, 80]]), Shape(4, 6))
    assert found.shape == (2, Shape(4, 6).length)
    assert np.isfinite(found).all()


def test_templates_have_the_shape_of_their_boxes():
    broad = Shape.of(np.array([[0.0, 0, 40, 20], [5, 5, 49, 25]]))
    assert broad.columns > broad.rows
    assert Shape.of(np.array([[0.0, 0, 900, 9]])) == Shape(3, 12)


def test_a_picture_is_looked_at_in_the_sizes_that_boxes_have():
    scales = scales_for(np.array([[0.0, 0, 24, 24], [0, 0, 48, 48]]), 1.5)
    assert scales[0] == pytest.approx(1 / 3)
    assert scales[-1] == pytest.approx(1.5)
    sizes = [cells.shape[:2] for _, _, cells in pyramid(stripes(0), scales)]
    assert sizes == sorted(sizes)
    across, down, _ = next(pyramid(stripes(0, (60, 80)), (0.5,)))
    assert (across, down) == (0.5, 0.5)
