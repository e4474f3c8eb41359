"""Objects become classes of pixels and come back."""

import numpy as np
import torch
from numpy.typing import NDArray

from al_core.students.semantic.regions import BORDER_REACH, UNKNOWN, class_map, n_classes, objects_of


def masks_of(*boxes: tuple[int, int, int, int]) -> torch.Tensor:
    """Rectangles (left, top, right, bottom) in an image of 40 x 60."""
    masks = torch.zeros(len(boxes), 40, 60, dtype=torch.bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = True
    return masks


def certain(classes: torch.Tensor, n: int) -> NDArray[np.float32]:
    """Probabilities of a map that is sure, float32 [n, h, w]."""
    found = torch.nn.functional.one_hot(classes, n).movedim(-1, 0).numpy() * 0.9 + 0.1 / n
    return np.asarray(found, np.float32)


NOTHING = torch.zeros(40, 60, dtype=torch.bool)


def test_an_object_by_itself_has_no_border() -> None:
    classes = class_map(masks_of((5, 5, 20, 20)), torch.tensor([0]), 1, NOTHING)
    assert set(classes.unique().tolist()) == {0, 1}
    assert int((classes == 1).sum()) == 225


def test_objects_that_touch_have_a_border_on_both_sides() -> None:
    classes = class_map(masks_of((5, 5, 20, 20), (20, 5, 35, 20)), torch.tensor([0, 0]), 1, NOTHING)
    assert (classes[5:20, 20 - BORDER_REACH : 20 + BORDER_REACH] == 2).all()
    assert int((classes == 2).sum()) == 15 * 2 * BORDER_REACH


def test_what_is_not_known_stays_unknown_but_for_objects() -> None:
    unknown = torch.ones(40, 60, dtype=torch.bool)
    classes = class_map(masks_of((5, 5, 20, 20)), torch.tensor([1]), 2, unknown)
    assert int((classes == 2).sum()) == 225
    assert int((classes == UNKNOWN).sum()) == 40 * 60 - 225


def test_touching_objects_come_back_as_they_were_nearly() -> None:
    truth = masks_of((5, 5, 20, 20), (20, 5, 35, 20), (40, 22, 52, 36))
    classes = class_map(truth, torch.tensor([0, 0, 1]), 2, NOTHING)
    masks, labels, scores = objects_of(certain(classes, n_classes(2)), 10, 0.3, 4)
    assert len(masks) == 3
    assert sorted(labels) == [0, 0, 1]
    assert (scores > 0.9).all()
    overlaps = [max((m & t.numpy()).sum() / (m | t.numpy()).sum() for m in masks) for t in truth]
    assert min(overlaps) > 0.95


def test_small_and_unlikely_regions_are_left_out_and_the_best_come_first() -> None:
    classes = class_map(masks_of((5, 5, 20, 20), (30, 5, 45, 20), (50, 30, 51, 32)), torch.tensor([0] * 3), 1, NOTHING)
    probabilities = certain(classes, n_classes(1))
    probabilities[:, 5:20, 30:45] = np.array([0.3, 0.5, 0.2])[:, None, None]
    masks, _, scores = objects_of(probabilities, 10, 0.3, 4)
    assert len(masks) == 2
    assert masks[0, 10, 10]
    assert masks[1, 10, 40]
    assert scores[0] > scores[1]
    assert len(objects_of(probabilities, 1, 0.3, 4)[0]) == 1
    assert len(objects_of(probabilities, 10, 0.6, 4)[0]) == 1


def test_an_empty_image_has_no_objects() -> None:
    masks, labels, scores = objects_of(certain(torch.zeros(40, 60, dtype=torch.int64), 3), 10, 0.3, 4)
    assert masks.shape == (0, 40, 60)
    assert len(labels) == len(scores) == 0
