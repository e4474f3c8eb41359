"""Augmentations that mmdet lacks."""

from typing import Any

import cv2
import numpy as np
import pytest

from al_core.students.build import import_mmdet

SIZE = (8, 12)


@pytest.fixture(scope="module")
def transforms() -> Any:
    """The module, which may only be imported after mmdet."""
    import_mmdet()
    from al_core.students import transforms

    return transforms


def content(*masks: np.ndarray, ignored: tuple[bool, ...] | None = None, canvas: tuple[int, int] = SIZE) -> dict:
    """An item of these masks; each pixel's colour is (row, column, 7)."""
    from mmdet.structures.bbox import HorizontalBoxes
    from mmdet.structures.mask import BitmapMasks

    rows, columns = np.indices(SIZE)
    bitmaps = BitmapMasks(np.stack(masks).astype(np.uint8), *SIZE)
    flags = np.array(ignored or (False,) * len(masks))
    return {
        "img": np.dstack([rows, columns, np.full(SIZE, 7)]).astype(np.uint8),
        "gt_masks": bitmaps,
        "gt_bboxes": HorizontalBoxes.from_instance_masks(bitmaps),
        "gt_bboxes_labels": np.arange(len(masks)),
        "gt_ignore_flags": flags,
        "canvas": canvas,
        "rng": np.random.default_rng(0),
    }


def box(x: int, y: int = 2, side: int = 4) -> np.ndarray:
    """A square in the frame."""
    mask = np.zeros(SIZE, bool)
    mask[y : y + side, x : x + side] = True
    return mask


def test_without_ranges_nothing_changes(transforms: Any) -> None:
    given = content(box(3))
    image = given["img"].copy()
    found = transforms.RandomAffineMasks()(given)
    np.testing.assert_array_equal(found["img"], image)
    np.testing.assert_array_equal(found["gt_masks"].masks[0], box(3))
    assert found["gt_bboxes"].tensor.tolist() == [[3, 2, 7, 6]]


def test_an_item_is_brought_to_its_canvas(transforms: Any) -> None:
    found = transforms.RandomAffineMasks()(content(box(4, 2), canvas=(4, 6)))
    assert found["img"].shape == (4, 6, 3)
    assert found["img_shape"] == (4, 6)
    # The mean of four pixels, at (row + .5, column + .5).
    assert found["img"][1, 2].tolist() in ([2, 4, 7], [3, 5, 7], [2, 5, 7], [3, 4, 7])
    assert found["gt_bboxes"].tensor.tolist() == [[2, 1, 4, 3]]


def test_image_and_mask_are_enlarged_about_the_middle(transforms: Any) -> None:
    found = transforms.RandomAffineMasks(scale=(2.0, 2.0))(content(box(4, 2)))
    assert found["gt_bboxes"].tensor.tolist() == [[2, 0, 10, 8]]
    assert found["img"][0, 1:11:9, 1].tolist() in ([3, 8], [4, 7], [3, 7], [4, 8])


def test_what_moves_out_of_view_leaves_the_border_colour_and_an_ignore_region(transforms: Any) -> None:
    class Rightmost:
        """Draws the highest value of every range."""

        def uniform(self, low: float, high: float, size: int | None = None) -> Any:
            return high if size is None else np.array([high, 0.0])

    given = content(box(8), box(0))
    given["rng"] = Rightmost()
    found = transforms.RandomAffineMasks(translation=0.5)(given)
    assert (found["img"][:, :6] == transforms.BORDER_RGB).all()
    assert found["img"][0, 6:, 1].tolist() == [0, 1, 2, 3, 4, 5]
    assert found["gt_ignore_flags"].tolist() == [True, False]
    assert found["gt_bboxes"].tensor[1].tolist() == [6, 2, 10, 6]


def test_a_turn_moves_image_and_mask_together(transforms: Any) -> None:
    given = content(box(5, 1, 3))
    given["img"][box(5, 1, 3)] = 255
    found = transforms.RandomAffineMasks(rotation=40.0)(given)
    bright = found["img"][..., 2] > 150
    mask = found["gt_masks"].masks[0].astype(bool)
    assert (bright & mask).sum() > 0.6 * (bright | mask).sum()
    assert not np.array_equal(mask, box(5, 1, 3))


def test_ignored_pixels_are_painted_except_those_of_objects(transforms: Any) -> None:
    given = content(box(2), box(4), ignored=(False, True))
    image = given["img"].copy()
    found = transforms.PaintIgnored()(given)
    painted = (found["img"] == transforms.BORDER_RGB).all(axis=2)
    np.testing.assert_array_equal(painted, box(4) & ~box(2))
    np.testing.assert_array_equal(found["img"][~painted], image[~painted])
    assert found["gt_bboxes_labels"].tolist() == [0]
    assert len(found["gt_masks"]) == len(found["gt_bboxes"]) == len(found["gt_ignore_flags"]) == 1


@pytest.mark.parametrize("seed", range(40))
def test_many_masks_warped_at_once_are_those_warped_one_by_one(transforms: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(20, 160, 2)
    masks = np.zeros((int(rng.integers(0, 40)), height, width), np.uint8)
    for mask in masks:
        # Some touch or hide each other, some reach over the edge of the frame, some have no pixel.
        x, y, radius = rng.integers(-6, width), rng.integers(-6, height), rng.integers(0, 9)
        cv2.circle(mask, (int(x), int(y)), int(radius), 1, -1)
    fit = rng.choice([0.2, 0.5, 1.0, 1.7])
    canvas = (round(height * fit), round(width * fit))
    zoom = fit * rng.choice([0.8, 1.0, 1.3])
    turn, shift = rng.choice([0.0, 3.0, 45.0]), rng.uniform(-0.2, 0.2, 2)
    matrix = transforms._similarity((height, width), canvas, zoom, turn, shift)
    alone = [transforms._warp(mask * np.uint8(255), matrix, zoom, canvas, 0) >= 128 for mask in masks]
    together = transforms._warp_masks(masks, matrix, zoom, canvas)
    np.testing.assert_array_equal(together, np.reshape(alone, (len(masks), *canvas)))


def test_boxes_that_meet_are_in_different_groups(transforms: Any) -> None:
    boxes = np.array([[0, 0, 4, 4], [3, 3, 6, 6], [4, 0, 8, 3], [20, 0, 24, 4]])
    assert transforms._apart(boxes) == [[0, 2, 3], [1]]
