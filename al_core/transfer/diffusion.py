"""Labels of pixels, diffused to the points that fall near them over a graph of points and pixels.

After LDLS (Wang, Chao, Wang, Hariharan, Weinberger, Campbell: "LDLS: 3-D Object Segmentation through Label Diffusion
from 2-D Images", IEEE Robotics and Automation Letters 2019): pixels give their labels with a tiny weight to the points
around whose projection they lie, points share theirs with their neighbours in space, and what is far from the bulk of
an object in space is not of it. So a mask that reaches over an object's edge does not label what stands behind.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

NEIGHBOURS = 10
"""Points that share their labels with a point, besides itself."""

REACH = 1.0
"""Metres at which a neighbour counts a factor e less."""

AROUND = 2
"""Pixels around a projection in each direction: 5 x 5."""

PIXEL_WEIGHT = 0.001

STEPS = 200

Points = NDArray[np.float64]


class PointLabels(NamedTuple):
    """What points belong to.

    Attributes:
        instance: int64 [n], 0 for background.
        confidence: float64 [n] in [0, 1], share of the label that won.
    """

    instance: NDArray[np.int64]
    confidence: NDArray[np.float64]


def diffuse(points: Points, where: Points, ids: NDArray[np.int64], steps: int = STEPS) -> PointLabels:
    """Label points by the pixels near their projections and by each other.

    Args:
        points: [n, 3], metres.
        where: x and y of each in the picture, [n, 2], pixels; inside of it.
        ids: [height, width], the instance of each pixel, 0 for background.
    """
    n = len(points)
    names = np.unique(np.append(ids, 0))
    if n == 0 or len(names) == 1:
        return PointLabels(np.zeros(n, np.int64), np.ones(n))
    near, distances = _neighbours(points)
    weights = np.exp(-((distances / REACH) ** 2))
    given = _from_pixels(where, np.searchsorted(names, ids), len(names))
    total = weights.sum(axis=1) + given.sum(axis=1)
    rows = np.repeat(np.arange(n), near.shape[1])
    graph = csr_matrix(((weights / total[:, None]).ravel(), (rows, near.ravel())), shape=(n, n))
    given /= total[:, None]
    labels = np.zeros_like(given)
    for _ in range(steps):
        labels = graph @ labels + given
    best = labels.argmax(axis=1)
    instance = _bulk_of_each(names[best], near)
    confidence = np.take_along_axis(labels, best[:, None], 1)[:, 0] / labels.sum(axis=1).clip(1e-300)
    return PointLabels(instance, confidence)


def _neighbours(points: Points) -> tuple[NDArray[np.int64], Points]:
    """Return the nearest points of each and their distances, [n, k] each; the point itself is among them."""
    distances, near = cKDTree(points).query(points, k=np.arange(1, min(NEIGHBOURS + 1, len(points)) + 1))
    return near.astype(np.int64), distances


def _from_pixels(where: Points, classes: NDArray[np.int64], n_classes: int) -> Points:
    """Return what the pixels around each projection say, [n, classes]."""
    height, width = classes.shape
    columns, rows = where.round().astype(np.int64).T
    found = np.zeros((len(where), n_classes))
    at = np.arange(len(where))
    for down in range(-AROUND, AROUND + 1):
        for right in range(-AROUND, AROUND + 1):
            y, x = rows + down, columns + right
            inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            np.add.at(found, (at[inside], classes[y[inside], x[inside]]), PIXEL_WEIGHT)
    return found


def _bulk_of_each(instance: NDArray[np.int64], near: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the instances with only the largest connected part of each; what else has its label is background."""
    n = len(instance)
    rows = np.repeat(np.arange(n), near.shape[1])
    same = (instance[rows] == instance[near.ravel()]) & (instance[rows] > 0)
    graph = csr_matrix((np.ones(int(same.sum())), (rows[same], near.ravel()[same])), shape=(n, n))
    _, part = connected_components(graph, directed=False)
    sizes = np.bincount(part)
    kept = np.zeros_like(instance)
    for name in np.unique(instance[instance > 0]):
        mine = np.flatnonzero(instance == name)
        largest = part[mine][sizes[part[mine]].argmax()]
        kept[mine[part[mine] == largest]] = name
    return kept
