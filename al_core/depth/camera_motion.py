"""How far the camera of a clip moves: depth is learnt from what moves past it, and a camera that stands shows none."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.footage.clips import ClipFrames
from al_core.footage.images import resized, working_size

LOOKED_AT = 160
"""Longer side in pixels of the frames that are compared."""

PAIRS = 8
"""Pairs of frames of a clip that are compared, evenly spaced, for each distance in time."""

APART = (1, 2, 4, 8)
"""Frames between a frame and its neighbours; the first that shows enough motion is learnt from."""

ENOUGH = 0.006
"""Median motion of a pixel, as a share of the longer side, between neighbours to learn from: a pixel of 160."""


@dataclass(frozen=True, slots=True)
class CameraMotion:
    """How far the picture of a clip moves.

    Attributes:
        apart: frames between neighbours to learn from; None where the camera stands, or the clip is too short.
        moved: the median motion of a pixel between these, or between the farthest compared, as a share of the longer
            side.
    """

    apart: int | None
    moved: float


def camera_motion(clip: ClipFrames) -> CameraMotion:
    """Measure how far the camera of a clip moves, by the optical flow of some pairs of its frames.

    Half of the pixels have to move, so that objects before a camera that stands count for nothing.
    """
    moved = 0.0
    for apart in APART:
        if clip.n_frames <= 2 * apart:
            break
        moved = _median_motion(clip, apart)
        if moved >= ENOUGH:
            return CameraMotion(apart, moved)
    return CameraMotion(None, moved)


def _median_motion(clip: ClipFrames, apart: int) -> float:
    starts = np.linspace(0, clip.n_frames - 1 - apart, min(PAIRS, clip.n_frames - apart)).round().astype(int)
    size = working_size(*clip.size, LOOKED_AT)
    pairs = ([resized(clip.read(k), size) for k in (i, i + apart)] for i in starts.tolist())
    found = [np.median(np.linalg.norm(flow_between(*pair), axis=2)) for pair in pairs]
    return float(np.median(found)) / LOOKED_AT


def flow_between(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the optical flow from one frame to another, RGB uint8 [h, w, 3] both, as [h, w, 2] in pixels."""
    greys = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (one, other)]
    start = np.zeros((*one.shape[:2], 2), np.float32)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(greys[0], greys[1], start)
    return np.asarray(flow, np.float32)


def nearness_by_motion(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how near each pixel is held to be, [h, w] in [0, 1], by how much it moves.

    Past a camera that goes sideways what is near moves most; the stand-in costs no training, and takes what moves by
    itself for near, and for far what the camera follows.

    Args:
        flow: of a frame to a neighbour, [h, w, 2] in pixels.
    """
    return scaled(np.linalg.norm(flow, axis=2))


def scaled(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return values [h, w] between 0 and 1, the 2nd and the 98th percentile; equal ones are .5 everywhere."""
    low, high = np.percentile(values, (2, 98))
    if high - low < 1e-6:
        return np.full(values.shape, 0.5, np.float32)
    return np.clip((values - low) / (high - low), 0, 1).astype(np.float32)


def too_still(names: Sequence[str], motions: Sequence[CameraMotion]) -> str:
    """Say which clips teach no depth, since their cameras stand."""
    told = ", ".join(f"{name} ({motion.moved:.1%})" for name, motion in list(zip(names, motions, strict=True))[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return (
        f"{told}{more}: half of the picture moves by less than {ENOUGH:.1%} of its longer side in {APART[-1]} frames, "
        "so the camera stands, or the clip is too short"
    )
