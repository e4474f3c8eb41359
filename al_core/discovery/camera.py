"""The camera's motion between two frames, as most of the picture moves, and its border above all.

A plane seen by a camera that turns, zooms and travels moves by eight numbers at once (Longuet-Higgins: "The visual
ambiguity of a moving plane", 1984): an affine motion and two terms of perspective. They are fitted to the flow by
least squares that are weighted again and again, so that what moves otherwise counts for less each time.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from al_core.stores.optical_flow import Flow

Array = NDArray[np.float32]

GRID = 24
"""Points along the longer side at which the flow is looked at."""

ROUNDS = (6, 4)
"""How often the affine motion is fitted, then all eight numbers."""

BORDER = 0.15
"""Share of each side that counts as the border of the picture."""

INSIDE = 0.35
"""What a point inside counts for, beside 1 of one at the border, before anything is known."""

LEAST_SPREAD = 0.1
"""Pixels by which flow differs from the camera's motion at least, so that nothing is taken to be exact."""


def camera_flow(flow: Flow) -> Flow:
    """Return the flow that the camera's motion alone would make, float32 [h, w, 2] in pixels.

    Args:
        flow: float32 [h, w, 2] from this frame to another one.
    """
    size = flow.shape[0], flow.shape[1]
    points, terms, prior = _grid(size)
    moved = flow[points[:, 1], points[:, 0]].astype(np.float64)
    found: NDArray[np.float64] = np.zeros(8)
    weight = prior
    for n_terms, rounds in zip((6, 8), ROUNDS, strict=True):
        for _ in range(rounds):
            found = _fitted(terms[..., :n_terms], moved, weight)
            rest = np.linalg.norm(moved - terms @ found, axis=1)
            spread = max(1.4826 * float(_weighted_median(rest, prior)), LEAST_SPREAD)
            weight = prior / (1 + (rest / (2 * spread)) ** 2) ** 2
    return _everywhere(size, found)


def border_of(size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which pixels of a picture of (height, width) ``size`` lie at its border, bool [h, w]."""
    height, width = size
    rows, columns = max(round(BORDER * height), 1), max(round(BORDER * width), 1)
    border = np.ones(size, bool)
    border[rows : height - rows, columns : width - columns] = False
    return border


def _fitted(terms: NDArray[np.float64], moved: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the eight numbers that fit best, those that are not fitted 0."""
    n = terms.shape[-1]
    weighted = terms * weight[:, None, None]
    normal = np.einsum("pij,pik->jk", weighted, terms) + 1e-6 * np.eye(n)
    found = np.linalg.solve(normal, np.einsum("pij,pi->j", weighted, moved))
    return np.concatenate([found, np.zeros(8 - n)])


def _weighted_median(values: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    summed = np.cumsum(weight[order])
    return float(values[order[np.searchsorted(summed, summed[-1] / 2)]])


@lru_cache(maxsize=8)
def _grid(size: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the points, (x, y) [p, 2]; what each number adds to their motion, [p, 2, 8]; and what they count for."""
    height, width = size
    step = max(max(size) / GRID, 1.0)
    x = np.arange(step / 2, width, step).astype(int)
    y = np.arange(step / 2, height, step).astype(int)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    prior = np.where(border_of(size)[points[:, 1], points[:, 0]], 1.0, INSIDE)
    return points, _terms(points[:, 0], points[:, 1], size), prior


def _terms(x: NDArray[np.int64], y: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return what each of the eight numbers adds to the motion of points, float64 [p, 2, 8]."""
    scale = max(size) / 2
    u, v = (x - (size[1] - 1) / 2) / scale, (y - (size[0] - 1) / 2) / scale
    one, none = np.ones(len(u)), np.zeros(len(u))
    along = [one, u, v, none, none, none, u * u, u * v]
    down = [none, none, none, one, u, v, u * v, v * v]
    return np.stack([np.stack(along, axis=-1), np.stack(down, axis=-1)], axis=1)


def _everywhere(size: tuple[int, int], found: NDArray[np.float64]) -> Flow:
    """Return the motion of every pixel, which is a polynomial of its place."""
    rows, columns = np.arange(size[0]), np.arange(size[1])
    scale = max(size) / 2
    u = ((columns - (size[1] - 1) / 2) / scale)[None, :]
    v = ((rows - (size[0] - 1) / 2) / scale)[:, None]
    a = found
    along = a[0] + a[1] * u + a[2] * v + a[6] * u * u + a[7] * u * v
    down = a[3] + a[4] * u + a[5] * v + a[6] * u * v + a[7] * v * v
    return np.stack([along, down], axis=-1).astype(np.float32)
