import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from al_core.masks.overlap import areas, mask_rows, overlaps, pairwise_iou, rows_of
from al_core.masks.soft import SoftMask
from tests.toys.ledgers import SQUARE

MASKS = hnp.arrays(bool, st.tuples(st.integers(0, 4), st.just(3), st.just(4)))


def test_overlap_by_eye() -> None:
    first = np.array([[[1, 1], [0, 0]], [[0, 0], [0, 0]]], bool)
    second = np.array([[[1, 0], [1, 0]], [[1, 1], [0, 0]]], bool)
    iou = pairwise_iou(mask_rows(first), mask_rows(second))
    assert np.allclose(iou, [[1 / 3, 1], [0, 0]])


@given(MASKS, MASKS)
def test_overlap_is_what_counting_pixels_gives(first: np.ndarray, second: np.ndarray) -> None:
    rows, others = mask_rows(first), mask_rows(second)
    assert areas(rows).tolist() == first.sum(axis=(1, 2)).tolist()
    shared = (first[:, None] & second[None]).sum(axis=(2, 3))
    union = (first[:, None] | second[None]).sum(axis=(2, 3))
    assert np.allclose(pairwise_iou(rows, others), np.where(union, shared / np.maximum(union, 1), 0))


def test_overlaps_of_masks_of_different_sizes() -> None:
    small, large = SoftMask.of(SQUARE), SoftMask.of(SQUARE.repeat(2, axis=0).repeat(2, axis=1))
    np.testing.assert_allclose(overlaps([small], [large, SoftMask.of(np.zeros((8, 8)))]), [[1, 0]])
    assert overlaps([], [large]).shape == (0, 1)


def test_the_rows_of_soft_masks_are_where_they_are_more_likely_than_not() -> None:
    values = np.zeros((3, 4), np.float32)
    values[1, 1:3] = (0.6, 0.4)
    rows = rows_of([SoftMask.of(values), SoftMask.of(np.zeros((3, 4)))], (3, 4))
    assert rows.toarray().tolist() == [[0.0] * 5 + [1.0] + [0.0] * 6, [0.0] * 12]
