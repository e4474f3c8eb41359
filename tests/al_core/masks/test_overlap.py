import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from al_core.masks.overlap import areas, mask_rows, pairwise_iou

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
