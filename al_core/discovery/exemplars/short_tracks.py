"""Boxes that are followed along optical flow over a few frames.

Of the points in a box those count whose flow leads back; the box moves by the median of their motions, and grows by the
median of how their distances grow (Kalal, Mikolajczyk and Matas, "Forward-backward error", ICPR 2010).
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from al_core.discovery.residual import leads_back
from al_core.stores.optical_flow import Flow

POINTS = 8
"""Along each side of a box."""

LEAST_RELIABLE = 0.3
"""Share of a box's points whose flow leads back; with fewer it is lost."""

LEAST_SEEN = 0.5
"""Share of a box that lies in the frame; with less of it it has left."""

GROWTH = 1.15
"""By which a box grows or shrinks at most from a frame to the next."""

Box = NDArray[np.float64]
"""x0, y0, x1, y1 in pixels of the frame."""


class Pairs(Protocol):
    """The flow of a clip."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the flow in pixels."""

    def pair(self, frame_idx: int) -> tuple[Flow, Flow]:
        """Return the flow from a frame to the next one, and back."""


def follow(flow: Pairs, size: tuple[int, int], frame_idx: int, box: Box, ahead: range) -> Iterator[tuple[int, Box]]:
    """Yield where a box goes, frame after frame, till it is lost.

    Args:
        size: (height, width) of the frames.
        frame_idx: where it begins.
        ahead: the frames that come next, one after the other, forward or backward.
    """
    scale = np.array([flow.size[1] / size[1], flow.size[0] / size[0]] * 2)
    here, at = frame_idx, np.asarray(box, np.float64) * scale
    for there in ahead:
        forward, backward = flow.pair(min(here, there))
        moved = _moved(at, *((forward, backward) if there > here else (backward, forward)))
        if moved is None:
            return
        here, at = there, moved
        yield here, at / scale


def _moved(box: Box, way: Flow, back: Flow) -> Box | None:
    """Return where a box is in the neighbouring frame, in pixels of the flow; None where it is lost."""
    height, width = way.shape[:2]
    part = np.clip(box, 0, [width, height, width, height])
    sides = np.maximum(box[2:] - box[:2], 1e-6)
    if np.prod(np.maximum(part[2:] - part[:2], 0)) < LEAST_SEEN * np.prod(sides):
        return None
    x, y = (part[k] + (np.arange(POINTS) + 0.5) / POINTS * (part[k + 2] - part[k]) for k in (0, 1))
    columns, rows = np.meshgrid(np.minimum(x, width - 1).astype(int), np.minimum(y, height - 1).astype(int))
    low, high = (rows.min(), columns.min()), (rows.max() + 1, columns.max() + 1)
    margin = 1 + int(np.abs(way[low[0] : high[0], low[1] : high[1]]).max())
    top, left = max(low[0] - margin, 0), max(low[1] - margin, 0)
    near = slice(top, high[0] + margin), slice(left, high[1] + margin)
    steady = leads_back(way[near], back[near])[rows - top, columns - left].reshape(-1)
    if steady.mean() < LEAST_RELIABLE:
        return None
    points = np.stack([columns, rows], axis=-1).reshape(-1, 2)[steady].astype(np.float64)
    motions = way[rows, columns].reshape(-1, 2)[steady].astype(np.float64)
    step = np.median(motions, axis=0)
    # Points that go with the box tell how it grows; the rest is ground that shows beside the object.
    rest = np.abs(motions - step).sum(axis=1)
    with_it = rest <= max(2 * float(np.median(rest)), 0.5)
    grown = _growth(points[with_it], motions[with_it])
    centre = (box[:2] + box[2:]) / 2 + step
    return np.concatenate([centre - sides * grown / 2, centre + sides * grown / 2])


def _growth(points: NDArray[np.float64], motions: NDArray[np.float64]) -> float:
    """Return by how much points spread: the median of the ratios of distances after and before."""
    half = len(points) // 2
    if half < 4:
        return 1.0
    before = np.linalg.norm(points[:-half] - points[half:], axis=1)
    after = np.linalg.norm(points[:-half] + motions[:-half] - points[half:] - motions[half:], axis=1)
    far = before > 1
    return float(np.clip(np.median(after[far] / before[far]), 1 / GROWTH, GROWTH)) if far.any() else 1.0
