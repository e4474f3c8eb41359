"""Masks lie in their boxes, touch them, and are never empty."""

import numpy as np
import pytest

from al_core.masks.soft import Window
from al_core.networks.shapes.shape_refiner import masks_in_boxes, overlap_of
from al_core.networks.shapes.shape_training import new_shape_network
from tests.toys.labelling.boxed_disks import scene


@pytest.mark.parametrize("box", [Window(10, 8, 30, 28), Window(50, 30, 90, 70), Window(3, 3, 4, 4)])
def test_a_mask_lies_in_its_box_and_is_never_empty(box):
    (found,) = masks_in_boxes(new_shape_network(1, 0).eval(), scene()[0], [box], [0])
    outside = np.ones((48, 64), bool)
    outside[box.slices] = False
    assert found.mask.any()
    assert not found.mask[outside].any()
    assert not found.probability[outside].any()
    assert 0 <= found.confidence <= 1


def test_no_box_is_no_mask():
    image, _ = scene()
    assert masks_in_boxes(new_shape_network(2, 0).eval(), image, [], []) == []


def test_overlap_of_windows():
    assert overlap_of(Window(0, 0, 2, 2), Window(1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert overlap_of(Window(0, 0, 0, 0), Window(0, 0, 3, 2)) == 0
