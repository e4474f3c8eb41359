"""Mixed frames: half of the objects move with their pixels, and what is believed stays as right as it was."""

import numpy as np
import pytest

from al_core.records import FrameRef
from al_core.students.semi.mixing import MIXES, Shown, covering, fitted, mixed, outside_of_objects, where_nearer


def shown(grey, *boxes, size=(20, 30), classes=None):
    """A frame of one grey with objects in boxes (top, left, bottom, right), each one brighter than that before."""
    image = np.full((*size, 3), grey, np.uint8)
    masks = np.zeros((len(boxes), *size), np.uint8)
    for i, (top, left, bottom, right) in enumerate(boxes):
        masks[i, top:bottom, left:right] = 1
        image[top:bottom, left:right] = grey + i + 1
    return Shown(FrameRef(1, grey), image, masks, classes or [0] * len(boxes))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


OWN = shown(10, (0, 0, 10, 10))
OTHER = shown(100, (12, 12, 18, 18), (2, 20, 8, 28), (12, 22, 18, 28), classes=[0, 1, 0])


def test_half_of_the_objects_are_pasted_with_their_pixels_and_classes(rng):
    result = mixed(OWN, OTHER, outside_of_objects, rng)
    assert result.frame == OWN.frame
    assert len(result.classes) == 3
    pasted = result.masks[1:].any(axis=0)
    assert np.array_equal(result.image[pasted], OTHER.image[pasted])
    assert np.array_equal(result.image[~pasted], OWN.image[~pasted])
    for mask, class_index in zip(result.masks[1:], result.classes[1:], strict=True):
        (number,) = [i for i, theirs in enumerate(OTHER.masks) if np.array_equal(theirs, mask)]
        assert class_index == OTHER.classes[number]


def test_every_object_is_pasted_now_and_then():
    seen = {
        int(v)
        for seed in range(20)
        for v in np.unique(mixed(OWN, OTHER, outside_of_objects, np.random.default_rng(seed)).image)
    }
    assert {101, 102, 103} <= seen


@pytest.mark.parametrize(("bottom", "class_index"), [(8, 0), (10, -1)])
def test_of_an_object_that_is_nearly_covered_nothing_is_said(rng, bottom, class_index):
    result = mixed(shown(10, (0, 0, 11, 10)), shown(100, (0, 0, bottom, 10)), outside_of_objects, rng)
    assert result.classes == [class_index, 0]
    assert result.masks[0].sum() == 10 * (11 - bottom)


def test_an_object_that_is_covered_whole_is_gone(rng):
    assert mixed(OWN, shown(100, (0, 0, 12, 12)), outside_of_objects, rng).classes == [0]


def test_regions_of_which_nothing_is_said_are_not_pasted(rng):
    other = shown(100, (0, 0, 5, 5), (10, 10, 15, 15), classes=[-1, 0])
    result = mixed(OWN, other, outside_of_objects, rng)
    assert result.classes == [0, 0]
    assert result.masks[1].sum() == 25


def test_a_frame_of_another_size_is_scaled_until_it_covers():
    large = fitted(shown(100, (0, 0, 40, 20), size=(40, 40)), (20, 30))
    assert large.image.shape == (20, 30, 3)
    # 40 x 40 becomes 30 x 30, of which 5 rows go at the top and at the bottom.
    assert np.array_equal(large.masks[0], np.arange(30)[None].repeat(20, 0) < 15)
    assert fitted(OWN, (20, 30)) is OWN


def test_masks_stay_masks_when_they_are_scaled():
    assert set(np.unique(covering(OTHER.masks[0], (13, 47)))) == {0, 1}


def test_of_two_frames_the_nearer_pixels_are_taken(rng):
    own_near, other_near = np.full((20, 30), 0.5, np.float32), np.full((20, 30), 0.2, np.float32)
    other_near[12:, :25] = 0.9
    # Hardly nearer is not nearer.
    other_near[:2] = 0.52
    result = mixed(OWN._replace(nearness=own_near), OTHER._replace(nearness=other_near), where_nearer, rng)
    taken = np.zeros((20, 30), bool)
    taken[12:, :25] = True
    assert np.array_equal(result.image, np.where(taken[:, :, None], OTHER.image, OWN.image))
    # The object behind stays behind, one is cut by the edge of what is near.
    assert result.classes == [0, 0, 0]
    assert [int(mask.sum()) for mask in result.masks] == [100, 36, 18]


def test_nearness_is_scaled_with_its_frame():
    near = np.linspace(0, 1, 40, dtype=np.float32)[None].repeat(40, 0)
    scaled = fitted(shown(100, size=(40, 40))._replace(nearness=near), (20, 30)).nearness
    assert (scaled.shape, scaled.dtype) == ((20, 30), np.float32)
    assert np.all(np.diff(scaled[0]) > 0)


def test_ways_to_mix_say_what_they_need():
    assert {name: (mix.by_objects, mix.by_nearness) for name, mix in MIXES.items()} == {
        "class": (True, False),
        "depth": (False, True),
    }
