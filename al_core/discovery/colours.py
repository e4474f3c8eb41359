"""What moves by itself has colours that the rest has not: they fill in what motion alone leaves open.

Two histograms over a stretch of frames, one of what seems to move and one of the rest, tell how likely a colour belongs
to an object; a guided filter (He, Sun and Tang, "Guided Image Filtering", ECCV 2010) lets the result end where the
picture has an edge.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
Picture = NDArray[np.uint8]

BINS = 10
"""Of each axis of CIE L*a*b*."""

WEIGHT = 1.5
"""What colours count beside motion."""

MOST = 2.0
"""Log odds that a colour gives at most."""

ROUNDS = 2
"""How often colours are learnt from the masks that they gave."""

_RARE = 1e-5
_RADIUS, _SMOOTH = 4, 1e-3


def with_colours(odds: Sequence[Map], pictures: Sequence[Picture]) -> list[Map]:
    """Return how likely each pixel belongs to something that moves by itself, float32 [h, w] in [0, 1], by frame.

    Args:
        odds: log odds by motion, [h, w] by frame of one stretch.
        pictures: the same frames, RGB uint8 [h, w, 3].
    """
    codes = [_codes(picture) for picture in pictures]
    found = [_chance(one) for one in odds]
    for _ in range(ROUNDS):
        ratio = WEIGHT * _ratio(codes, found)
        found = [
            guided(_chance(motion + ratio[code]), brightness(picture))
            for motion, code, picture in zip(odds, codes, pictures, strict=True)
        ]
    return found


def brightness(picture: Picture) -> Map:
    """Return the largest of the three colours, float32 [h, w] in [0, 1]."""
    return np.asarray(picture.max(axis=2) * np.float32(1 / 255))


def guided(values: Map, guide: Map, radius: int = _RADIUS) -> Map:
    """Smooth values in [0, 1], but not over the edges of a picture, both float32 [h, w]."""
    size = (2 * radius + 1, 2 * radius + 1)
    mean_guide, mean = cv2.blur(guide, size), cv2.blur(values, size)
    shared = cv2.blur(guide * values, size) - mean_guide * mean
    spread = cv2.blur(guide * guide, size) - mean_guide * mean_guide
    slope = np.asarray(shared / (spread + np.float32(_SMOOTH)), np.float32)
    rest = np.asarray(mean - slope * mean_guide, np.float32)
    return np.asarray(np.clip(cv2.blur(slope, size) * guide + cv2.blur(rest, size), 0, 1), np.float32)


def _chance(odds: Map) -> Map:
    return np.asarray(1 / (1 + np.exp(-odds)), np.float32)


def _codes(picture: Picture) -> NDArray[np.int32]:
    """Return the bin of each pixel's colour, int32 [h, w]."""
    bins = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.int32) * BINS // 256
    return np.asarray((bins[..., 0] * BINS + bins[..., 1]) * BINS + bins[..., 2])


def _ratio(codes: Sequence[NDArray[np.int32]], found: Sequence[Map]) -> Map:
    """Return the log odds of each colour, float32 [BINS ** 3]."""
    inside, outside = np.zeros(BINS**3), np.zeros(BINS**3)
    for code, chance in zip(codes, found, strict=True):
        at, above = code.reshape(-1), (chance > 0.5).reshape(-1)
        flat = chance.reshape(-1)
        inside += np.bincount(at, flat * above, BINS**3)
        outside += np.bincount(at, (1 - flat) * ~above, BINS**3)
    if not inside.sum():
        return np.zeros(BINS**3, np.float32)
    odds = np.log((_smoothed(inside) + _RARE) / (_smoothed(outside) + _RARE))
    return np.clip(odds, -MOST, MOST).astype(np.float32)


def _smoothed(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the shares of a histogram, each spread over its neighbours."""
    cube: NDArray[np.float64] = counts.reshape(BINS, BINS, BINS)
    for axis in range(3):
        wide = np.pad(cube, [(1, 1) if a == axis else (0, 0) for a in range(3)])
        parts = [np.take(wide, np.arange(BINS) + shift, axis) for shift in range(3)]
        cube = 0.25 * parts[0] + 0.5 * parts[1] + 0.25 * parts[2]
    return np.asarray(cube.reshape(-1) / max(float(cube.sum()), 1e-9))
