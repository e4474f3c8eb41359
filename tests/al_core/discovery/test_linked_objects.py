"""Objects of classes of pixels, and their numbers from frame to frame."""

import numpy as np
import pytest

from al_core.discovery.linked_objects import Links, regions_of

SIZE = (12, 40)
DOG, CAT = 3, 8


def said(*squares):
    """Return probabilities of background, dogs and cats: squares of 6 pixels, (x, class, probability)."""
    found = np.zeros((3, *SIZE), np.float32)
    found[0] = 1
    for x, number, value in squares:
        found[:, 3:9, x : x + 6] = 0
        found[number, 3:9, x : x + 6] = value
        found[0, 3:9, x : x + 6] = 1 - value
    return found


def line(x0, x1):
    mask = np.zeros(SIZE, bool)
    mask[5, x0:x1] = True
    return mask


@pytest.fixture
def links():
    return Links()


def numbers(found):
    return {(one.track_id, one.known): one.category_id for one in found}


def test_connected_regions_of_a_category_are_objects_the_surest_first(links):
    first, second = links.add(said((2, 1, 0.75), (20, 2, 1.0)), (DOG, CAT), {})
    assert (first.category_id, first.confidence, first.track_id) == (CAT, 1.0, 1)
    assert (second.category_id, second.confidence, second.track_id) == (DOG, 0.75, 2)
    assert np.argwhere(second.mask.full() > 0.5).min(axis=0).tolist() == [3, 2]
    assert not first.known


def test_specks_are_left_out():
    found = said((2, 1, 1.0))
    found[:, 0, 39] = 0, 1, 0
    assert len(regions_of(found, (DOG, CAT))) == 1


def test_an_object_keeps_its_number_while_it_overlaps_itself(links):
    assert numbers(links.add(said((2, 1, 1.0)), (DOG, CAT), {})) == {(1, False): DOG}
    assert numbers(links.add(said((4, 1, 1.0), (20, 1, 1.0)), (DOG, CAT), {})) == {(1, False): DOG, (2, False): DOG}
    assert numbers(links.add(said((4, 2, 1.0)), (DOG, CAT), {})) == {(3, False): CAT}


def test_over_a_cut_nothing_is_what_it_was(links):
    links.add(said((2, 1, 1.0)), (DOG, CAT), {})
    links.cut()
    assert numbers(links.add(said((2, 1, 1.0)), (DOG, CAT), {})) == {(2, False): DOG}


def test_a_stroke_gives_its_region_the_number_that_people_know(links):
    assert numbers(links.add(said((2, 1, 1.0)), (DOG, CAT), {7: line(3, 5)})) == {(7, True): DOG}
    assert numbers(links.add(said((3, 1, 1.0), (20, 1, 1.0)), (DOG, CAT), {})) == {(7, True): DOG, (1, False): DOG}


def test_a_region_with_strokes_of_two_objects_is_parted_between_them(links):
    found = links.add(said((2, 1, 1.0), (8, 1, 1.0)), (DOG, CAT), {7: line(2, 5), 8: line(10, 13)})
    masks = {one.track_id: one.mask.full() > 0.5 for one in found}
    assert {track: int(mask.sum()) for track, mask in masks.items()} == {7: 36, 8: 36}
    assert not (masks[7] & masks[8]).any()


def test_a_known_object_is_in_a_frame_once(links):
    links.add(said((2, 1, 1.0)), (DOG, CAT), {7: line(3, 5)})
    found = links.add(said((2, 1, 1.0), (20, 1, 1.0)), (DOG, CAT), {7: line(21, 24)})
    assert sorted((one.track_id, one.known) for one in found) == [(1, False), (7, True)]
