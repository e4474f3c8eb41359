"""Masks of a given overlap with another one."""

import numpy as np
import pytest

from al_core.masks.at_overlap import WAYS, with_overlap

SQUARE = np.zeros((40, 60), bool)
SQUARE[10:30, 20:40] = True


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("iou", [0.5, 0.75, 0.95])
def test_the_overlap_is_what_was_asked_for(way, iou):
    found = with_overlap(SQUARE, iou, way)
    assert (found & SQUARE).sum() / (found | SQUARE).sum() == pytest.approx(iou, abs=0.005)


def test_a_grown_mask_holds_all_of_it_and_a_shrunk_or_cut_one_only_parts_of_it():
    assert not (SQUARE & ~with_overlap(SQUARE, 0.75, "grown")).any()
    assert not (with_overlap(SQUARE, 0.75, "shrunk") & ~SQUARE).any()
    cut = with_overlap(SQUARE, 0.75, "cut")
    assert not (cut & ~SQUARE).any()
    assert cut[10:30, 20:35].all()


def test_a_shrunk_mask_loses_its_edge():
    assert not with_overlap(SQUARE, 0.75, "shrunk")[10].any()


def test_a_single_pixel_stays_and_a_full_picture_cannot_grow():
    dot = np.zeros((3, 3), bool)
    dot[1, 1] = True
    assert with_overlap(dot, 0.5, "shrunk").sum() == 1
    assert with_overlap(np.ones((3, 3), bool), 0.5, "grown").all()
