"""Masks out of maps: the strongest part is surely the object's, the weakest surely not, and colours say the rest."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.interactive.segmenters import random_walk

OBJECT, GROUND, IGNORED = np.uint8(1), np.uint8(0), np.uint8(255)

STRONG = 0.3
"""Share of a category's cells with any response that are surely its own: the strongest."""

WEAK = 0.06
"""Of the strongest response of all: what lies below is surely no object."""

LONG_SIDE = 240
"""Of the picture in which colours tell where objects end, in pixels."""

SURE, UNSURE = 1.0, 0.02
"""How strongly a pixel holds to what the map says of it, where that is sure and where it is not."""

SMALLEST = 0.1
"""Parts smaller than this share of the largest part of their category are left out."""

Image = NDArray[np.uint8]
Map = NDArray[np.float32]


def normalised(maps: Map) -> Map:
    """Return maps [c, rows, columns] of which each reaches 1 somewhere, unless it is 0 everywhere."""
    return np.asarray(maps / np.maximum(maps.max(axis=(1, 2), keepdims=True), 1e-6), np.float32)


def cues(maps: Map) -> NDArray[np.uint8]:
    """Return what is sure of each cell and category, uint8 [c, rows, columns]: OBJECT, GROUND or IGNORED.

    A cell that two categories are sure of is ignored by both.

    Args:
        maps: of the categories that are in the frame, float32 in [0, 1].
    """
    found = np.full(maps.shape, IGNORED, np.uint8)
    found[:, (maps < WEAK).all(axis=0)] = GROUND
    for one, states in zip(maps, found, strict=True):
        some = one[one >= WEAK]
        if some.size:
            states[one >= np.quantile(some, 1 - STRONG)] = OBJECT
    twice = (found == OBJECT).sum(axis=0) > 1
    for states in found:
        others = (found == OBJECT).any(axis=0) & (states != OBJECT)
        states[others] = GROUND
        states[twice] = IGNORED
    return found


def refined(image: Image, maps: Map) -> Map:
    """Return the probability of each category in each pixel of a frame, float32 [c, h, w] in [0, 1]: what is sure walks
    to where colours end it.

    Args:
        image: RGB uint8 [h, w, 3].
        maps: of the categories that are in the frame, float32 [c, rows, columns] in [0, 1].
    """
    height, width = image.shape[:2]
    scale = min(1.0, LONG_SIDE / max(height, width))
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.uint8)
    found = np.zeros((len(maps), height, width), np.float32)
    for place, (one, states) in enumerate(zip(maps, cues(maps), strict=True)):
        known = cv2.resize(states, small, interpolation=cv2.INTER_NEAREST)
        prior = np.where(known == IGNORED, cv2.resize(one, small), known == OBJECT).astype(np.float32)
        trust = np.where(known == IGNORED, UNSURE, SURE).astype(np.float32)
        found[place] = cv2.resize(random_walk(picture, prior, trust), (width, height))
    return found


def over_ground(probability: Map) -> Map:
    """Return probabilities with the ground's first, float32 [1 + c, h, w]: what is not likely is ground, and so
    are specks beside the largest part of a category.

    Args:
        probability: of each category in each pixel, float32 [c, h, w] in [0, 1].
    """
    found = np.concatenate([np.full_like(probability[:1], 0.5), probability])
    for mine in found[1:]:
        _, parts, figures, _ = cv2.connectedComponentsWithStats((mine > 0.5).astype(np.uint8))
        areas = figures[1:, cv2.CC_STAT_AREA]
        mine[np.isin(parts, 1 + np.flatnonzero(areas < SMALLEST * areas.max(initial=0)))] = 0
    return found


def present_among(said: Sequence[bool | None], chances: NDArray[np.float64], least: float) -> list[int]:
    """Return the places of the categories that are taken to be in a frame: those that people said are, and of those of
    which nobody spoke (None) the ones that are likely enough."""
    return [c for c, told in enumerate(said) if (chances[c] >= least if told is None else told)]
