"""Overlap of many masks at once, by one sparse matrix product: the cost grows with the set pixels, not the pairs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from al_core.masks.soft import Size, SoftMask, patch_of, resample


def mask_rows(masks: NDArray[np.bool_]) -> sparse.csr_matrix:
    """Turn masks, bool [n, h, w], into the rows of a sparse matrix: float32 [n, h * w], 1 where a mask is set."""
    return pixel_rows([np.flatnonzero(mask) for mask in masks], masks.shape[1] * masks.shape[2])


def pixel_rows(pixels: Sequence[NDArray[np.intp]], n_pixels: int) -> sparse.csr_matrix:
    """Turn masks, each given by the rising positions of its set pixels, into such rows, float32 [n, n_pixels]."""
    ends = np.cumsum([0, *map(len, pixels)])
    columns = np.concatenate([*pixels, np.zeros(0, np.intp)]).astype(np.int32)
    return sparse.csr_matrix((np.ones(len(columns), np.float32), columns, ends), shape=(len(pixels), n_pixels))


def pairwise_iou(first: sparse.csr_matrix, second: sparse.csr_matrix) -> NDArray[np.float32]:
    """Return the intersection over union of masks, [n, p] and [m, p] from :func:`mask_rows`, of every one with every
    other, float32 [n, m] in [0, 1]; two empty masks give 0."""
    shared = np.asarray((first @ second.T).todense(), np.float32)
    union = areas(first)[:, None] + areas(second)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def areas(rows: sparse.csr_matrix) -> NDArray[Any]:
    """Count the set pixels of each mask, int [n]."""
    return np.diff(rows.indptr)


def rows_of(masks: Sequence[SoftMask], size: Size) -> sparse.csr_matrix:
    """Return where masks of one frame are more likely set than not, as sparse rows: float32 [n, h * w]."""
    pixels = []
    for mask in masks:
        y, x = np.nonzero(mask.values > 127)
        pixels.append((y + mask.y) * size[1] + (x + mask.x))
    return pixel_rows(pixels, size[0] * size[1])


def overlaps(first: Sequence[SoftMask], second: Sequence[SoftMask]) -> NDArray[np.float32]:
    """Return the pairwise IoU of masks of one frame, cut at 0.5: float32 [len(first), len(second)] in [0, 1].

    Masks of different sizes are brought to the size of the second ones.
    """
    if not first or not second:
        return np.zeros((len(first), len(second)), np.float32)
    size = second[0].size
    brought = [m if m.size == size else resample(patch_of(m), m.size, size).soft(size) for m in first]
    return pairwise_iou(rows_of(brought, size), rows_of(second, size))
