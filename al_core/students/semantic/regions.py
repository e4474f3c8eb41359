"""From objects to classes of pixels, and back.

A class for the background, one for each category, and a last one for where objects touch: with it, objects beside each
other are told apart (Ronneberger et al. 2015 weigh such borders more; here they are a class of their own).
"""

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import max_pool2d

BACKGROUND = 0
UNKNOWN = -1
"""Mark of pixels of which nothing is known."""

BORDER_REACH = 2
"""Pixels of an object that are so near to another one are border."""

FAR_FROM_ANY = 4.0
"""Pixels of border that are farther from all objects are background."""


def n_classes(n_categories: int) -> int:
    """Return the number of classes of pixels."""
    return n_categories + 2


def class_map(masks: torch.Tensor, labels: torch.Tensor, n_categories: int, unknown: torch.Tensor) -> torch.Tensor:
    """Return the class of each pixel, int64 [h, w].

    Args:
        masks: bool [n, h, w]; where objects overlap, the last one counts.
        labels: category of each object, from 0.
        unknown: bool [h, w], of which nothing is known where no object is.
    """
    numbers = torch.zeros(masks.shape[1:], dtype=torch.int64, device=masks.device)
    classes = torch.where(unknown, UNKNOWN, BACKGROUND)
    for number, (mask, label) in enumerate(zip(masks, labels.tolist(), strict=True), start=1):
        numbers[mask], classes[mask] = number, 1 + label
    side = 2 * BORDER_REACH + 1
    highest = max_pool2d(numbers[None].double(), side, 1, BORDER_REACH)[0]
    # Background counts as the highest number, so that the lowest object nearby is found.
    inverse = torch.where(numbers > 0, len(masks) + 1 - numbers, 0)
    lowest = len(masks) + 1 - max_pool2d(inverse[None].double(), side, 1, BORDER_REACH)[0]
    touching = (numbers > 0) & (highest > lowest)
    classes[touching] = 1 + n_categories
    return classes


def objects_of(
    probabilities: NDArray[np.float32], most: int, least_score: float, least_pixels: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float32]]:
    """Return masks bool [n, h, w], labels [n] and scores [n] of the objects of an image, best first.

    An object is a connected region of one category, and of the border the pixels to which it is the nearest. Its score
    is the mean probability of its category in it.

    Args:
        probabilities: float32 [classes, h, w].
    """
    classes = probabilities.argmax(axis=0)
    border = probabilities.shape[0] - 1
    regions = np.zeros(classes.shape, np.int32)
    found: list[tuple[int, float]] = []
    for label in range(border - 1):
        count, parts, statistics, _ = cv2.connectedComponentsWithStats((classes == 1 + label).astype(np.uint8))
        for part in range(1, count):
            x, y, w, h, pixels = (int(v) for v in statistics[part])
            inside = parts[y : y + h, x : x + w] == part
            score = float(probabilities[1 + label, y : y + h, x : x + w][inside].mean())
            if pixels >= least_pixels and score >= least_score:
                found.append((label, score))
                regions[y : y + h, x : x + w][inside] = len(found)
    if not found:
        return np.zeros((0, *classes.shape), np.bool_), np.zeros(0, np.int64), np.zeros(0, np.float32)
    grown = _with_border(regions, classes == border)
    order = sorted(range(len(found)), key=lambda n: -found[n][1])[:most]
    masks = np.stack([grown == n + 1 for n in order])
    labels, scores = zip(*(found[n] for n in order), strict=True)
    return masks, np.array(labels, np.int64), np.array(scores, np.float32)


def _with_border(regions: NDArray[np.int32], border: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Give border pixels near a region to the nearest one."""
    outside: Any = (regions == 0).astype(np.uint8)
    far, nearest = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    # The marks of pixels of regions, by the numbers that OpenCV gave them.
    owner = np.zeros(int(nearest.max()) + 1, np.int32)
    owner[nearest[regions > 0]] = regions[regions > 0]
    given = border & (far <= FAR_FROM_ANY)
    grown: NDArray[np.int32] = np.where(given, owner[nearest], regions)
    return grown
