"""The first clicks on an object of which nothing is known: the frame's edge is background, the clicks are the object.

The random walker tells what lies nearer to the clicks than to the edge, by the way that colours make easy; GrabCut
learns the colours of both from it and cuts. Of the outcome, only what hangs together with a click on the object stays.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.interactive.closeup import Closeup
from al_core.interactive.segmenters import grabcut, random_walk
from al_core.masks.soft import Window

WALKED_SIDE = 140
LONG_SIDE = 160
"""Of the small pictures of the whole frame, in pixels: for the random walker, and for GrabCut."""

CLICKED = 0.025
"""Radius of the disk that a click holds for certain, as a share of the picture's longer side."""

BACKGROUND_CLICKED = 0.6
"""A click on the background holds a disk of this share of that radius."""

FREE_EDGE = 0.2
"""So near to a click on the object, as a share of the longer side, the frame's edge may belong to it."""

APART = 0.45
"""No click's disk reaches farther than this share of the way to a click of the other side."""

UNLIKELY = 0.15
"""Where the random walker gives less, GrabCut looks for no object."""

SURE = 0.95
"""Where the random walker gives more, the object is."""

ITERATIONS = 3

_CERTAIN = 10.0
_EDGE_TRUST = 1.0
_FREE = 1e-4
_SURE_RADIUS = 1


class Click(NamedTuple):
    """A corrected pixel: column, row, and whether it belongs to the object."""

    x: int
    y: int
    positive: bool


def mask_from_clicks(image: NDArray[np.uint8], clicks: Sequence[Click]) -> NDArray[np.bool_]:
    """Return the object that clicks lie on, bool [h, w]; empty where no click is on the object.

    Args:
        image: RGB uint8 [h, w, 3].
        clicks: inside the frame, at least one.
    """
    size = (int(image.shape[0]), int(image.shape[1]))
    whole = Window(0, 0, size[1], size[0])
    walked, closeup = (Closeup.around(whole, size, 0.0, side) for side in (WALKED_SIDE, LONG_SIDE))
    seeds, cut_seeds = ([Click(*c.point(k.x, k.y), k.positive) for k in clicks] for c in (walked, closeup))
    return closeup.enlarged(
        cut_from_walk(walked.image(image), closeup.image(image), seeds, cut_seeds).astype(np.float32)
    )


def cut_from_walk(
    walked: NDArray[np.uint8], small: NDArray[np.uint8], seeds: Sequence[Click], cut_seeds: Sequence[Click]
) -> NDArray[np.bool_]:
    """Return the object that clicks lie on, bool [h, w], within a picture whose edge is background.

    Args:
        walked: the picture for the random walker, uint8 [h', w', 3].
        small: the same picture for GrabCut, uint8 [h, w, 3].
        seeds: clicks in pixels of the first.
        cut_seeds: the same clicks in pixels of the second.
    """
    likely = cv2.resize(_walked(walked, seeds), small.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    states = np.where(likely > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    states[likely < UNLIKELY], states[likely > SURE] = cv2.GC_BGD, cv2.GC_FGD
    for seed in cut_seeds:
        cv2.circle(states, (seed.x, seed.y), _SURE_RADIUS, cv2.GC_FGD if seed.positive else cv2.GC_BGD, -1)
    return clicked_parts(grabcut(small, states, ITERATIONS), cut_seeds)


def _walked(small: NDArray[np.uint8], seeds: Sequence[Click]) -> NDArray[np.float32]:
    """Return how likely each pixel of the small picture is the object's, float32 [h, w]."""
    prior = np.zeros(small.shape[:2], np.float32)
    trust = np.full(small.shape[:2], _FREE, np.float32)
    edge = np.zeros(prior.shape, np.uint8)
    edge[[0, -1]] = edge[:, [0, -1]] = 1
    for seed in seeds:
        if seed.positive:
            cv2.circle(edge, (seed.x, seed.y), round(FREE_EDGE * max(prior.shape)), 0, -1)
    trust[edge > 0] = _EDGE_TRUST
    for seed in seeds:
        disk = cv2.circle(
            np.zeros(prior.shape, np.uint8), (seed.x, seed.y), _radius(seed, seeds, max(prior.shape)), 1, -1
        )
        prior[disk > 0] = seed.positive
        trust[disk > 0] = _CERTAIN
    return random_walk(small, prior, trust)


def _radius(seed: Click, seeds: Sequence[Click], long_side: int) -> int:
    """Return how far a click holds for certain, in pixels of the small picture, at least 1."""
    wanted = CLICKED * long_side * (1.0 if seed.positive else BACKGROUND_CLICKED)
    others = [np.hypot(seed.x - s.x, seed.y - s.y) for s in seeds if s.positive != seed.positive]
    return max(1, round(min([wanted, *(APART * other for other in others)])))


def clicked_parts(found: NDArray[np.bool_], seeds: Sequence[Click]) -> NDArray[np.bool_]:
    """Return the connected parts that a click on the object lies in, bool [h, w]."""
    _, parts = cv2.connectedComponents(found.astype(np.uint8))
    clicked = {int(parts[s.y, s.x]) for s in seeds if s.positive} - {0}
    return np.isin(parts, list(clicked))
