import numpy as np

from al_core.evaluation.metrics import j_and_f
from al_core.interactive import Click
from al_core.interactive.proposals.cuts import edited, from_nothing
from tests.al_core.interactive.figure import BODY, IMAGE, TRUTH


def test_each_way_finds_a_figure_that_is_plain_to_see():
    found = from_nothing(IMAGE, [Click(30, 40, True)])
    assert len(found) == 3
    assert all(mask.shape == TRUTH.shape for mask in found)
    assert max(j_and_f(mask, TRUTH).j for mask in found) > 0.95


def test_each_way_keeps_to_what_is_clicked():
    clicks = [Click(30, 40, True), Click(5, 5, False), Click(30, 17, True)]
    for mask in from_nothing(IMAGE, clicks):
        assert not mask[5, 5]


def test_a_mask_is_cut_anew_with_the_part_that_was_missing():
    assert j_and_f(edited(IMAGE, BODY, [Click(30, 17, True)]), TRUTH).j > j_and_f(BODY, TRUTH).j


def test_a_mask_is_cut_anew_without_what_was_too_much():
    spilled = TRUTH.copy()
    spilled[50:60, 50:60] = True
    found = edited(IMAGE, spilled, [Click(30, 40, True), Click(55, 55, False)])
    assert not found[55, 55]
    assert np.count_nonzero(found & ~TRUTH) < np.count_nonzero(spilled & ~TRUTH)
