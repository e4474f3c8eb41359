"""Examples that look alike, so that each view of a kind of object gets a detector of its own."""

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from al_core.discovery.exemplars.box_overlap import Boxes

ALIKE = 0.85
"""Mean distance within a view: 1 less the cosine of two whitened windows, and how far their shapes are apart."""

SHAPES = 1.0
"""What it counts that one of two boxes is e times as broad for its height."""

LEAST = 0.05
"""Share of all examples that a view has at least; those of smaller ones, but for the largest, are left out."""


def views_of(white: NDArray[np.float64], boxes: Boxes, most: int) -> list[NDArray[np.int64]]:
    """Return the indices of the examples of each view, the largest view first.

    Args:
        white: whitened windows, [n, numbers of a window].
        boxes: [n, 4].
        most: views.
    """
    count = len(boxes)
    if count == 1:
        return [np.zeros(1, np.int64)]
    unit = white / np.maximum(np.linalg.norm(white, axis=1, keepdims=True), 1e-9)
    broad = np.log((boxes[:, 2] - boxes[:, 0]) / (boxes[:, 3] - boxes[:, 1]))
    apart = 1 - unit @ unit.T + SHAPES * np.abs(broad[:, None] - broad[None])
    tree = linkage(apart[np.triu_indices(count, 1)].clip(0), method="average")
    group = fcluster(tree, ALIKE, criterion="distance")
    if group.max() > most:
        group = fcluster(tree, most, criterion="maxclust")
    views = sorted((np.flatnonzero(group == k) for k in np.unique(group)), key=len, reverse=True)
    return [view for n, view in enumerate(views) if n == 0 or len(view) >= LEAST * count]
