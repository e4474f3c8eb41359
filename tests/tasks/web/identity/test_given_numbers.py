"""Numbers of new objects."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.web.identity.given_numbers import GivenNumbers
from tasks.web.schemas import LARGEST_TRACK


@pytest.fixture
def numbers():
    return GivenNumbers()


def test_a_new_object_has_the_number_after_the_last(numbers):
    assert numbers.next(1, "ada", known=(), taken=()) == 1
    assert numbers.next(2, "ada", known={1, 4}, taken=[7]) == 8


def test_two_people_never_get_the_same(numbers):
    names = [f"person {i}" for i in range(40)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: numbers.next(1, name, {3}, ()), names))
    assert sorted(found) == list(range(4, 44))


def test_a_number_that_was_not_used_is_given_to_the_same_person_again(numbers):
    assert numbers.next(1, "ada", (), ()) == 1
    assert numbers.next(1, "ben", (), ()) == 2
    assert numbers.next(1, "ada", (), ()) == 1
    assert numbers.next(1, "ada", (), taken=[1]) == 3
    assert numbers.next(1, "ada", known={1, 3}, taken=()) == 4


def test_videos_have_numbers_of_their_own(numbers):
    assert [numbers.next(video, "ada", (), ()) for video in (1, 2)] == [1, 1]


def test_after_the_largest_number_gaps_are_filled(numbers):
    assert numbers.next(1, "ada", known={1, 2, LARGEST_TRACK}, taken=[3]) == 4
