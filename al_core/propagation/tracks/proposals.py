"""Proposals, the possible objects of a frame: what teachers predict, or parts with the colours of labelled objects."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from al_core.masks.soft import Size, SoftMask, patch_of, resample
from al_core.propagation.tracks.reidentification import Vector
from al_core.stores.predictions import FramePrediction

BINS = (16, 64, 64)
"""Of lightness and of both colour channels (CIE Lab)."""

BIN_BLUR = 1.5
"""Bins over which what was seen of a colour spreads to its neighbours."""

LEAST_SEEN = 0.5
"""Pixels; a colour that was seen less often is the ground's."""

WINDOW = 5
"""Pixels over which the colours of neighbours are averaged."""

SMALLEST, LARGEST = 0.2, 4.0
"""Size of a part, as a share of the area of the smallest and of the largest human mask."""

FEWEST_PIXELS = 12
MOST_PARTS = 12
"""Of each kind, the largest ones."""

MOST_PALETTES = 16
"""Objects whose own colours are looked for; more of them are looked for together only."""

_Table = NDArray[np.float32]
"""By code of a colour, [codes]."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """What may be an object: where it is, how sure that is, in [0, 1], and its embedding."""

    mask: SoftMask
    objectness: float
    looks: Vector


def predicted(prediction: FramePrediction, size: Size) -> list[tuple[SoftMask, float]]:
    """Return (mask, objectness) of what the teachers saw, whatever its category."""
    found = [
        (resample(patch_of(o.soft_mask), o.soft_mask.size, size).soft(size), o.existence) for o in prediction.objects
    ]
    return [(mask, existence) for mask, existence in found if (mask.values > 127).any()]


class Palette:
    """Which colours are those of labelled objects, and which are the ground's; learnt from human frames."""

    def __init__(self, tracks: Sequence[int]) -> None:
        self._number = {track: i for i, track in enumerate(tracks)}
        n = len(tracks) if len(tracks) <= MOST_PALETTES else 0
        self._own = np.zeros((n, int(np.prod(BINS))), np.float32)
        self._any = np.zeros(self._own.shape[1], np.float32)
        self._ground = np.zeros_like(self._any)
        self._areas: list[int] = []
        self._made: list[tuple[_Table, _Table]] | None = None

    def learn(self, image: NDArray[np.uint8], masks: Mapping[int, SoftMask]) -> None:
        """Learn from a frame, RGB uint8 [h, w, 3], and all objects in it."""
        codes = _codes(image)
        anything = np.zeros(codes.shape, bool)
        for track, mask in masks.items():
            inside = mask.full() > 0.5
            anything |= inside
            self._areas.append(int(np.count_nonzero(inside)))
            if len(self._own):
                self._own[self._number[track]] += _counts(codes[inside])
        self._any += _counts(codes[anything])
        self._ground += _counts(codes[~anything])
        self._made = None

    def parts(self, image: NDArray[np.uint8]) -> list[tuple[SoftMask, float]]:
        """Return (mask, objectness) of connected parts with the colours of any object, or of one of them.

        The objectness is the mean probability of a pixel, were objects and ground equally frequent: small objects are
        as sure as large ones.
        """
        areas = [area for area in self._areas if area]
        if not areas:
            return []
        smallest, largest = max(FEWEST_PIXELS, SMALLEST * min(areas)), LARGEST * max(areas)
        codes = _codes(image)
        found = []
        for frequent, balanced in self._tables():
            share = np.asarray(cv2.blur(frequent[codes], (WINDOW, WINDOW)), np.float32)
            sure = balanced[codes]
            found += [(mask, _mean_under(mask, sure)) for mask in _connected(share, smallest, largest)]
        return found

    def _tables(self) -> list[tuple[_Table, _Table]]:
        """Return the probability of each colour to be of any object; then, where there are several, of each one: as
        frequent as they were seen, and as if objects and ground were equally frequent."""
        if self._made is None:
            ground = _spread(self._ground)
            own = [_spread(counts) for counts in self._own] if len(self._own) > 1 else []
            anything = _spread(self._any)
            everything = anything + ground + LEAST_SEEN
            made = []
            for seen in (anything, *own):
                balance = max(float(seen.sum()), 1) / max(float(ground.sum()), 1)
                evenly = seen / (seen + balance * (everything - seen))
                made.append((np.asarray(seen / everything, np.float32), np.asarray(evenly, np.float32)))
            self._made = made
        return self._made


def _mean_under(mask: SoftMask, values: NDArray[np.float32]) -> float:
    inside = mask.values > 127
    return float(values[mask.y : mask.y + inside.shape[0], mask.x : mask.x + inside.shape[1]][inside].mean())


def _codes(image: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return one number for the colour of each pixel, int32 [h, w]."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.int32)
    light, a, b = (lab[..., channel] // (256 // BINS[channel]) for channel in range(3))
    return np.asarray((light * BINS[1] + a) * BINS[2] + b, np.int32)


def _counts(codes: NDArray[np.int32]) -> NDArray[np.float32]:
    return np.bincount(codes.ravel(), minlength=int(np.prod(BINS))).astype(np.float32)


def _spread(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    blur = (BIN_BLUR / 2, BIN_BLUR, BIN_BLUR)
    return np.asarray(gaussian_filter(counts.reshape(BINS), blur, mode="nearest"), np.float32).ravel()


def _connected(share: NDArray[np.float32], smallest: float, largest: float) -> Iterator[SoftMask]:
    n, labels, boxes, _ = cv2.connectedComponentsWithStats((share > 0.5).view(np.uint8), connectivity=4)
    areas = boxes[1:, cv2.CC_STAT_AREA]
    by_area = [int(i) + 1 for i in np.argsort(-areas, kind="stable")] if n > 1 else []
    fitting = [i for i in by_area if smallest <= boxes[i, cv2.CC_STAT_AREA] <= largest]
    for i in fitting[:MOST_PARTS]:
        x, y, w, h = (int(v) for v in boxes[i, :4])
        inside = labels[y : y + h, x : x + w] == i
        size = (share.shape[0], share.shape[1])
        yield SoftMask(x, y, inside.astype(np.uint8) * 255, size)
