import numpy as np

from al_core.interactive import Click
from al_core.interactive.proposals.mask_choice import likeliest
from tests.al_core.interactive.figure import BODY, IMAGE, TRUTH

NOTHING = np.zeros_like(TRUTH)


def test_the_object_is_likelier_than_a_part_of_it_or_much_more():
    much = np.zeros_like(TRUTH)
    much[4:60, 4:60] = True
    part = np.zeros_like(TRUTH)
    part[38:43, 28:33] = True
    assert likeliest(IMAGE, [much, TRUTH, part], NOTHING, [Click(30, 40, True)]) == 1


def test_what_does_not_change_where_the_click_is_is_unlikely():
    click = Click(30, 17, True)
    assert likeliest(IMAGE, [BODY, TRUTH], BODY, [click]) == 1


def test_of_equal_masks_the_first_is_taken():
    assert likeliest(IMAGE, [TRUTH, TRUTH.copy()], NOTHING, [Click(30, 40, True)]) == 0


def test_empty_and_full_masks_are_judged_too():
    assert likeliest(IMAGE, [NOTHING, ~NOTHING, TRUTH], NOTHING, [Click(30, 40, True)]) == 2


def test_a_single_mask_is_the_likeliest():
    assert likeliest(IMAGE, [NOTHING], NOTHING, [Click(30, 40, True)]) == 0
