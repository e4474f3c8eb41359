"""Boxes of floats, as detectors and tracks make them: x0, y0, x1, y1 in pixels of the frame, the ends excluded."""

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
"""[n, 4]."""


def overlaps(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """Return the IoU of each of n boxes with each of m others, [n, m] in [0, 1]."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=2)
    either = areas(first)[:, None] + areas(second)[None, :] - common
    return np.asarray(common / np.maximum(either, 1e-9), np.float64)


def areas(boxes: Boxes) -> NDArray[np.float64]:
    """Return the areas in square pixels, [n]; 0 of a box without extent."""
    return np.asarray(np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1), np.float64)


def strongest(boxes: Boxes, scores: NDArray[np.float64], most_overlap: float, limit: int) -> list[int]:
    """Return the indices of at most ``limit`` boxes, the best first, none of which overlaps a better one by more.

    Args:
        most_overlap: of two that stay (IoU).
    """
    order, kept = np.argsort(-scores, kind="stable"), list[int]()
    while len(order) and len(kept) < limit:
        best, order = int(order[0]), order[1:]
        kept.append(best)
        order = order[overlaps(boxes[best : best + 1], boxes[order])[0] <= most_overlap]
    return kept


def inside(boxes: Boxes, size: tuple[int, int]) -> Boxes:
    """Return boxes cut to a frame of (height, width) ``size``; some may have no extent left."""
    height, width = size
    return np.clip(boxes, 0, np.array([width, height, width, height], np.float64))
