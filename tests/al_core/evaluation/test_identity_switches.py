"""Identity switches by hand: squares that swap their numbers."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from al_core.evaluation.identity_switches import SwitchCounter
from tests.toys.masks import encoded, switches

LEFT, RIGHT = np.zeros((4, 8), bool), np.zeros((4, 8), bool)
LEFT[:, :4], RIGHT[:, 4:] = True, True
MOST_OF_LEFT, SOME_OF_LEFT = LEFT.copy(), LEFT.copy()
MOST_OF_LEFT[0], SOME_OF_LEFT[:3] = False, False
BOTH = {1: LEFT, 2: RIGHT}
SWAPPED = {1: RIGHT, 2: LEFT}


def test_tracks_that_swap_are_two_switches_and_two_more_when_they_swap_back() -> None:
    assert switches([(BOTH, BOTH)] * 3) == 0
    assert switches([(BOTH, BOTH), (BOTH, SWAPPED), (BOTH, SWAPPED)]) == 2
    assert switches([(BOTH, BOTH), (BOTH, SWAPPED), (BOTH, BOTH)]) == 4


def test_an_object_that_is_missed_and_found_by_the_same_track_is_not_switched() -> None:
    assert switches([(BOTH, BOTH), (BOTH, {2: RIGHT}), (BOTH, {}), ({}, {}), (BOTH, BOTH)]) == 0
    assert switches([(BOTH, BOTH), (BOTH, {}), (BOTH, SWAPPED)]) == 2


def test_the_first_match_of_an_object_is_no_switch_whatever_its_number() -> None:
    assert switches([(BOTH, {7: LEFT, 9: RIGHT})] * 2) == 0


def test_an_earlier_match_is_kept_though_another_track_fits_better() -> None:
    truth, first, both = {1: LEFT}, {5: LEFT}, {5: MOST_OF_LEFT, 6: LEFT}
    assert switches([(truth, first), (truth, both)]) == 0
    assert switches([(truth, first), (truth, {5: SOME_OF_LEFT, 6: LEFT})]) == 1


def test_too_little_overlap_is_no_match() -> None:
    counter = SwitchCounter()
    counter.add(encoded({1: LEFT}), encoded({1: SOME_OF_LEFT}))
    counter.add(encoded({1: LEFT}), encoded({1: MOST_OF_LEFT}))
    assert (counter.switches, counter.objects, counter.matched) == (0, 2, 1)


@given(st.lists(st.permutations([0, 1, 2]), min_size=1, max_size=8), st.permutations([4, 5, 6]))
def test_switches_are_the_changes_of_number_and_do_not_depend_on_names(
    orders: list[list[int]], names: list[int]
) -> None:
    strips = np.eye(3, dtype=bool)[:, None, :]
    truth = {i: strips[i] for i in range(3)}
    frames = [(truth, {number: strips[i] for i, number in enumerate(order)}) for order in orders]
    renamed = [(truth, {names[number]: mask for number, mask in found.items()}) for _, found in frames]
    changes = sum(a != b for before, after in pairwise(orders) for a, b in zip(before, after, strict=True))
    assert switches(frames) == switches(renamed) == changes
