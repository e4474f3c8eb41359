"""Overlap of many masks at once, by one sparse matrix product: the cost grows with the set pixels, not the
pairs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def mask_rows(masks: NDArray[np.bool_]) -> sparse.csr_matrix:
    """Masks, bool [n, h, w], as the rows of a sparse matrix: float32 [n, h * w], 1 where a mask is set."""
    return pixel_rows([np.flatnonzero(mask) for mask in masks], masks.shape[1] * masks.shape[2])


def pixel_rows(pixels: Sequence[NDArray[np.intp]], n_pixels: int) -> sparse.csr_matrix:
    """Masks, each given by the rising positions of its set pixels, as the rows of a sparse matrix.

    Returns:
        float32 [n, n_pixels], 1 where a mask is set.
    """
    ends = np.cumsum([0, *map(len, pixels)])
    columns = np.concatenate([*pixels, np.zeros(0, np.intp)]).astype(np.int32)
    return sparse.csr_matrix((np.ones(len(columns), np.float32), columns, ends), shape=(len(pixels), n_pixels))


def pairwise_iou(first: sparse.csr_matrix, second: sparse.csr_matrix) -> NDArray[np.float32]:
    """Intersection over union of every mask with every other; two empty masks give 0.

    Args:
        first, second: [n, p] and [m, p] from :func:`mask_rows`.

    Returns:
        float32 [n, m] in [0, 1].
    """
    shared = np.asarray((first @ second.T).todense(), np.float32)
    union = areas(first)[:, None] + areas(second)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def areas(rows: sparse.csr_matrix) -> NDArray[Any]:
    """Number of set pixels of each mask, int [n]."""
    return np.diff(rows.indptr)
