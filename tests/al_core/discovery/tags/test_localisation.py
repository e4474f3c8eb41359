"""What maps come to: sure cells, masks that end where colours do, objects."""

import numpy as np

from al_core.discovery.tags.localisation import (
    GROUND,
    IGNORED,
    OBJECT,
    cues,
    normalised,
    over_ground,
    present_among,
    refined,
)


def test_the_strongest_part_is_sure_the_weakest_is_ground_and_the_rest_is_left_open():
    one = np.zeros((1, 4, 10), np.float32)
    one[0, 0] = np.linspace(0.1, 1, 10)
    found = cues(one)[0]
    assert (found[1:] == GROUND).all()
    assert (found[0, 7:] == OBJECT).all()
    assert (found[0, :7] == IGNORED).all()


def test_what_two_categories_are_sure_of_belongs_to_neither():
    maps = np.zeros((2, 1, 6), np.float32)
    maps[0, 0] = [1, 1, 0.1, 0.1, 0.1, 0.1]
    maps[1, 0] = [0.1, 1, 1, 0.1, 0.1, 0.1]
    found = cues(maps)
    assert found[0, 0, :3].tolist() == [OBJECT, IGNORED, GROUND]
    assert found[1, 0, :3].tolist() == [GROUND, IGNORED, OBJECT]


def test_masks_end_where_colours_do():
    image = np.full((60, 90, 3), 40, np.uint8)
    image[20:40, 30:60] = 200
    maps = np.zeros((1, 6, 9), np.float32)
    maps[0, 2:4, 3:6] = 0.2
    maps[0, 2:4, 4] = 1
    truth = image[..., 0] > 100
    found = refined(image, maps)[0] > 0.5
    assert np.count_nonzero(found & truth) / np.count_nonzero(found | truth) > 0.8


def test_what_is_not_likely_is_ground_and_so_are_specks():
    probability = np.zeros((2, 20, 30), np.float32)
    probability[0, 2:8, 2:8] = 0.9
    probability[0, 12:18, 2:8] = 0.4
    probability[0, 0, 29] = 0.9
    probability[1, 2:8, 20:26] = 0.8
    likeliest = over_ground(probability).argmax(axis=0)
    assert np.bincount(likeliest.ravel()).tolist() == [600 - 72, 36, 36]
    assert (likeliest[2:8, 2:8] == 1).all()
    assert not over_ground(np.zeros((1, 4, 4), np.float32)).argmax(axis=0).any()


def test_a_map_without_any_response_stays_empty():
    assert not normalised(np.zeros((1, 3, 3), np.float32)).any()
    assert (cues(np.zeros((1, 3, 3), np.float32)) == GROUND).all()


def test_what_people_said_counts_before_what_is_likely():
    assert present_among([True, False, None, None], np.array([0.1, 0.9, 0.8, 0.6]), 0.7) == [0, 2]
