import numpy as np
import pytest

from al_core.evaluation.metrics import j_and_f
from al_core.interactive.first_clicks import Click, mask_from_clicks
from tests.al_core.interactive.figure import IMAGE, TRUTH


def scene(height, width, *disks):
    """Paint disks (x, y, radius) of one colour on a noisy ground; return the picture and each disk."""
    rows, columns = np.indices((height, width))
    parts = [np.hypot(columns - x, rows - y) <= r for x, y, r in disks]
    picture = np.where(np.any(parts, axis=0)[..., None], [200, 60, 40], [60, 90, 70])
    noise = np.random.default_rng(0).normal(0, 8, (height, width, 3))
    return np.clip(picture + noise, 0, 255).astype(np.uint8), parts


def test_one_click_finds_a_figure():
    assert j_and_f(mask_from_clicks(IMAGE, [Click(30, 40, True)]), TRUTH).j > 0.95


@pytest.mark.parametrize(("height", "width"), [(64, 96), (480, 854), (720, 1280)])
def test_one_click_finds_an_object_in_frames_of_any_size(height, width):
    image, (one,) = scene(height, width, (width // 2, height // 2, height // 5))
    assert j_and_f(mask_from_clicks(image, [Click(width // 2, height // 2, True)]), one).j > 0.9


def test_another_object_of_the_same_colours_is_left_out():
    image, (one, other) = scene(120, 200, (50, 60, 20), (150, 60, 20))
    found = mask_from_clicks(image, [Click(50, 60, True)])
    assert j_and_f(found, one).j > 0.9
    assert not (found & other).any()


def test_a_click_on_the_background_takes_a_part_away():
    image, (_, other) = scene(120, 200, (80, 60, 20), (112, 60, 14))
    joined = mask_from_clicks(image, [Click(80, 60, True)])
    apart = mask_from_clicks(image, [Click(80, 60, True), Click(112, 60, False)])
    assert (joined & other).sum() > (apart & other).sum()
    assert not apart[60, 112]


def test_clicks_of_both_sides_beside_each_other_keep_their_sides():
    found = mask_from_clicks(IMAGE, [Click(30, 40, True), Click(33, 40, False)])
    assert found[40, 30]
    assert not found[40, 33]


def test_background_clicks_alone_find_nothing():
    assert not mask_from_clicks(IMAGE, [Click(5, 5, False)]).any()


def test_the_same_clicks_find_the_same():
    clicks = [Click(30, 40, True), Click(30, 17, True)]
    assert (mask_from_clicks(IMAGE, clicks) == mask_from_clicks(IMAGE, clicks)).all()


def test_an_object_at_the_edge_of_the_frame_is_found():
    image, (one,) = scene(100, 100, (5, 50, 25))
    assert j_and_f(mask_from_clicks(image, [Click(10, 50, True)]), one).j > 0.85
