"""Masks that nobody would have drawn: those of people, made wrong as machines make them wrong."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Distortion = Callable[[Mask, int, np.random.Generator], Mask]
"""(mask [h, w], longer side of its box in pixels, generator) -> another mask."""

STRENGTH = (0.03, 0.22)
"""How far outlines move, by the longer side of the object's box: from just visible to plainly wrong."""


def distorted(mask: Mask, rng: np.random.Generator) -> Mask:
    """Return a mask with one or two faults of a kind that is drawn; it is never empty, and of an empty one itself.

    Outlines drift, grow and shrink, parts are lost to the background, and pieces of it are taken in, as by optical
    flow behind what hides an object and by a segmenter that is not sure.
    """
    side = _side(mask)
    if not side:
        return mask
    found = mask
    for _ in range(int(rng.integers(1, 3))):
        kind = KINDS[int(rng.integers(len(KINDS)))]
        changed = kind(found, side, rng)
        found = changed if changed.any() else found
    return found


def warped(mask: Mask, side: int, rng: np.random.Generator) -> Mask:
    """Move the outline by a smooth random field."""
    h, w = mask.shape
    cells = (max(2, round(4 * h / side)), max(2, round(4 * w / side)))
    far = side * rng.uniform(*STRENGTH)
    moves = [
        cv2.resize(rng.normal(0, far, cells).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC) for _ in "xy"
    ]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    moved = cv2.remap(mask.astype(np.float32), x + moves[0], y + moves[1], cv2.INTER_LINEAR)
    return np.asarray(moved > 0.5)


def shifted(mask: Mask, side: int, rng: np.random.Generator) -> Mask:
    """Move the whole mask."""
    far, angle = side * rng.uniform(*STRENGTH), rng.uniform(0, 2 * np.pi)
    move = np.array([[1, 0, far * np.cos(angle)], [0, 1, far * np.sin(angle)]], np.float32)
    size = (mask.shape[1], mask.shape[0])
    return np.asarray(cv2.warpAffine(mask.astype(np.uint8), move, size, flags=cv2.INTER_NEAREST) > 0)


def grown(mask: Mask, side: int, rng: np.random.Generator) -> Mask:
    """Grow or shrink it."""
    reach = max(1, round(side * rng.uniform(*STRENGTH) / 2))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    change = cv2.dilate if rng.random() < 0.5 else cv2.erode
    return np.asarray(change(mask.astype(np.uint8), kernel) > 0)


def bitten(mask: Mask, side: int, rng: np.random.Generator) -> Mask:
    """Lose a round part of it."""
    return mask & ~_disk(mask, side, rng)


def spilled(mask: Mask, side: int, rng: np.random.Generator) -> Mask:
    """Take in a round part of the background at its outline."""
    return mask | _disk(mask, side, rng)


KINDS: tuple[Distortion, ...] = (warped, shifted, grown, bitten, spilled)


def _disk(mask: Mask, side: int, rng: np.random.Generator) -> Mask:
    """Return a disk around a pixel of the outline."""
    edge = mask & ~np.asarray(cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    rows, columns = np.nonzero(edge if edge.any() else mask)
    at = int(rng.integers(len(rows)))
    radius = max(1, round(side * rng.uniform(0.08, 0.3)))
    disk = np.zeros(mask.shape, np.uint8)
    cv2.circle(disk, (int(columns[at]), int(rows[at])), radius, 1, -1)
    return disk > 0


def _side(mask: Mask) -> int:
    rows, columns = np.nonzero(mask)
    return int(max(np.ptp(rows), np.ptp(columns))) + 1 if len(rows) else 0
