import numpy as np

from al_core.campaign.answer_kind import answer_kind
from al_core.masks.rle import encode
from al_core.records import IGNORE_CATEGORY, IGNORE_TRACK, LabelKind, MaskLabel

LEFT = encode(np.array([[1, 0], [1, 0]], bool))
RIGHT = encode(np.array([[0, 1], [0, 1]], bool))
CAR, DOG = 1, 2


def test_the_same_masks_in_another_order_are_accepted():
    shown = [MaskLabel(1, CAR, LEFT), MaskLabel(2, DOG, RIGHT)]
    assert answer_kind(reversed(shown), shown) == LabelKind.ACCEPT


def test_a_corrected_category_is_a_correction():
    assert answer_kind([MaskLabel(1, DOG, LEFT)], [MaskLabel(1, CAR, LEFT)]) == LabelKind.MASK


def test_a_corrected_number_is_a_correction():
    assert answer_kind([MaskLabel(2, CAR, LEFT)], [MaskLabel(1, CAR, LEFT)]) == LabelKind.MASK


def test_other_pixels_are_a_correction():
    assert answer_kind([MaskLabel(1, CAR, RIGHT)], [MaskLabel(1, CAR, LEFT)]) == LabelKind.MASK


def test_nothing_drawn_says_that_nothing_is_here():
    assert answer_kind([], [MaskLabel(1, CAR, LEFT)]) == LabelKind.ABSENT


def test_an_ignore_region_alone_is_something_drawn():
    ignored = MaskLabel(IGNORE_TRACK, IGNORE_CATEGORY, LEFT)
    assert answer_kind([ignored], []) == LabelKind.MASK
    assert answer_kind([ignored], [ignored]) == LabelKind.ACCEPT
