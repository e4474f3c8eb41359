"""How likely each pixel of a frame moves by itself, by what its flow leaves of the camera's motion."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.discovery.camera import border_of, camera_flow
from al_core.stores.optical_flow import Flow

Map = NDArray[np.float32]
"""[h, w]."""

NOISE = 0.25
"""Pixels by which the flow of what stands still differs from the camera's motion, at least."""

BORDER_QUANTILE = 75
"""Per cent of the pixels at the border that are taken to belong to what stands still."""

TIMES = 3.0
"""A pixel that is so many times as far from the camera's motion as the border is, is as likely as not to move."""

MOST_LOST = 0.35
"""Share of pixels whose flow does not lead back, above which a pair of frames tells nothing: a flash, or a cut that
nobody knows of."""

SURE = 3.0
"""What one pair of frames tells at most, as log odds."""

_BACK_AND_FORTH = (0.01, 0.5)
"""Bounds on the squared error of a way there and back: share of the squared motion, and squared pixels (Sundaram, Brox
and Keutzer, ECCV 2010)."""


def evidence_of(flow: Flow, back: Flow) -> tuple[Map, NDArray[np.bool_]]:
    """Tell what moves by itself in a frame.

    Args:
        flow: from the frame to its neighbour, float32 [h, w, 2] in pixels.
        back: from the neighbour to the frame.

    Returns:
        Log odds that a pixel moves by itself, and whether that can be trusted, bool [h, w].
    """
    rest = flow - camera_flow(flow)
    far = np.asarray(cv2.magnitude(rest[..., 0], rest[..., 1]), np.float32)
    border = border_of((flow.shape[0], flow.shape[1]))
    usual = NOISE + float(np.percentile(far[border], BORDER_QUANTILE))
    odds = 2 * np.log(np.maximum(far, 1e-3) / np.float32(TIMES * usual))
    reliable = leads_back(flow, back)
    if reliable.mean() < 1 - MOST_LOST:
        reliable[:] = False
    return np.clip(odds, -SURE, SURE).astype(np.float32), reliable


def leads_back(flow: Flow, back: Flow) -> NDArray[np.bool_]:
    """Tell of each pixel whether going to the neighbour and back ends where it began, bool [h, w]."""
    returned = pulled(back, flow)
    share, least = _BACK_AND_FORTH
    return np.asarray(_squared(flow + returned) <= share * (_squared(flow) + _squared(returned)) + least)


def pulled(values: NDArray[np.float32], flow: Flow) -> NDArray[np.float32]:
    """Return values of the neighbour where each pixel of this frame went, float32 [h, w, ...]."""
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return np.asarray(cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def together(found: Sequence[tuple[Map, NDArray[np.bool_]]], size: tuple[int, int]) -> Map:
    """Return the log odds that several pairs of the same frame give; 0 where none can be trusted."""
    if not found:
        return np.zeros(size, np.float32)
    trusted = np.add.reduce([reliable.astype(np.float32) for _, reliable in found])
    summed = np.add.reduce([odds * reliable for odds, reliable in found])
    mean: Map = summed / np.maximum(trusted, 1) * (trusted / len(found))
    return mean


def _squared(flow: Flow) -> Map:
    return np.asarray(flow[..., 0] ** 2 + flow[..., 1] ** 2)
