"""Masks that clicks may mean, each made in another way; which one they do mean is for :mod:`.mask_choice` to say.

The ways differ in how far from a click the object is thought to reach; each fails on other objects.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.footage.images import working_size
from al_core.interactive.closeup import Closeup
from al_core.interactive.first_clicks import Click, clicked_parts, cut_from_walk, mask_from_clicks
from al_core.interactive.segmenters import grabcut
from al_core.masks.soft import Size, Window

LONG_SIDE = 160
"""Of the small picture of the whole frame, in pixels."""

REACH = (0.12, 0.06)
"""A disk of this radius, as a share of the longer side, is likely the object's: around the first click, and around each
of several."""

NEAR = (0.3, 0.16)
"""The window around the first click, or several, reaches so far beyond, as a share of the longer side of the frame."""

NEAR_SIDE = 140
_CERTAIN_RADIUS = 2

Mask = NDArray[np.bool_]
Image = NDArray[np.uint8]


def from_nothing(image: Image, clicks: Sequence[Click]) -> list[Mask]:
    """Return masks that look at the clicks only, each bool [h, w]; at least one click is on the object.

    They are made side by side: nearly all of it is work of OpenCV and SciPy, which let other threads go on.
    """
    ways = (mask_from_clicks, by_disks, _in_window)
    with ThreadPoolExecutor(len(ways)) as pool:
        return [made.result() for made in [pool.submit(way, image, clicks) for way in ways]]


def by_disks(image: Image, clicks: Sequence[Click], long_side: int = LONG_SIDE) -> Mask:
    """Cut with GrabCut from a disk around each click on the object, in a picture of that longest side; the frame's edge
    is background."""
    size: Size = (int(image.shape[0]), int(image.shape[1]))
    closeup = Closeup.around(Window(0, 0, size[1], size[0]), size, 0.0, long_side)
    seeds = [Click(*closeup.point(c.x, c.y), c.positive) for c in clicks]
    reach = round(REACH[len(clicks) > 1] * long_side)
    states = np.full(closeup.size, cv2.GC_PR_BGD, np.uint8)
    for seed in seeds:
        if seed.positive:
            cv2.circle(states, (seed.x, seed.y), reach, cv2.GC_PR_FGD, -1)
    states[[0, -1]] = states[:, [0, -1]] = cv2.GC_BGD
    _hold(states, seeds)
    return _on_frame(closeup, clicked_parts(grabcut(closeup.image(image), states, 3), seeds), size)


def _in_window(image: Image, clicks: Sequence[Click]) -> Mask:
    """Walk and cut within a window around the clicks on the object, whose edge is background."""
    size: Size = (int(image.shape[0]), int(image.shape[1]))
    inside, reach = [c for c in clicks if c.positive], int(NEAR[len(clicks) > 1] * max(size))
    columns, rows = [c.x for c in inside], [c.y for c in inside]
    window = Window(min(columns) - reach, min(rows) - reach, max(columns) + reach + 1, max(rows) + reach + 1)
    window = window.clipped(size)
    closeup = Closeup(window, working_size(window.y1 - window.y0, window.x1 - window.x0, NEAR_SIDE))
    near = [c for c in clicks if window.x0 <= c.x < window.x1 and window.y0 <= c.y < window.y1]
    seeds = [Click(*closeup.point(c.x, c.y), c.positive) for c in near]
    return _on_frame(closeup, cut_from_walk(closeup.image(image), closeup.image(image), seeds, seeds), size)


def _hold(states: NDArray[np.uint8], seeds: Sequence[Click]) -> None:
    """Let the pixels around clicks be certain."""
    for seed in seeds:
        cv2.circle(states, (seed.x, seed.y), _CERTAIN_RADIUS, cv2.GC_FGD if seed.positive else cv2.GC_BGD, -1)


def _on_frame(closeup: Closeup, found: Mask, size: Size) -> Mask:
    mask = np.zeros(size, bool)
    mask[closeup.window.slices] = closeup.enlarged(found.astype(np.float32))
    return mask
