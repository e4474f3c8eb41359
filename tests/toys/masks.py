"""Masks that have lost pixels somewhere before: a hole and a speckle, nothing, everything, two that overlap."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from al_core.evaluation.identity_switches import SwitchCounter
from al_core.masks.rle import encode

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12))

HOLED = np.array(
    [
        [1, 1, 1, 0, 0, 1],
        [1, 0, 1, 0, 0, 0],
        [1, 1, 1, 0, 1, 0],
        [0, 0, 0, 0, 0, 0],
    ],
    bool,
)
"""A ring with a hole, and two speckles; 4x6 pixels."""

OVER = np.array(
    [
        [0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 1, 0],
        [0, 1, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 0],
    ],
    bool,
)
"""Overlaps the ring and covers its hole."""

EMPTY, FULL = np.zeros((4, 6), bool), np.ones((4, 6), bool)

EXAMPLES = {"holed": HOLED, "over": OVER, "empty": EMPTY, "full": FULL}

same_sized = st.integers(1, 3).flatmap(lambda n: arrays(bool, (n, 5, 7)))
"""Up to three masks of 5x7 pixels, which may overlap or be empty."""


def disk(x: float, y: float, radius: float, size: int = 64) -> np.ndarray:
    """Return a disk in a square frame."""
    rows, columns = np.ogrid[:size, :size]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def encoded(masks):
    """Masks by track, run-length encoded; empty ones are left out."""
    return {track: encode(mask) for track, mask in masks.items() if mask.any()}


def switches(frames):
    """Identity switches over (true masks, found masks) of each frame."""
    counter = SwitchCounter()
    for truth, found in frames:
        counter.add(encoded(truth), encoded(found))
    return counter.switches
