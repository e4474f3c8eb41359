"""Linear detectors of what a few examples look like, against what all of the footage looks like.

What windows look like in general, their mean and how cells vary together by their distance, is worked out once; with
it, the mean of whitened examples is a detector without any negative example (Hariharan, Malik and Ramanan,
"Discriminative decorrelation for clustering and classification", ECCV 2012). Where there are windows known to hold
nothing, a logistic regression corrects it, held to where it began.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, solve_triangular
from scipy.optimize import minimize

from al_core.discovery.exemplars.appearance import CELL, CHANNELS, Map, Picture, Shape, pyramid
from al_core.discovery.exemplars.box_overlap import Boxes, inside, strongest

Vectors = NDArray[np.float32]
"""[n, numbers of a window]."""

LARGEST = 12
"""Cells of a template along a side, at most."""

NOISE = 0.02
"""Share of the mean variance that is added to every number's own."""

HELD = 0.05
"""How strongly a detector is held to the mean of its examples."""

FEW, NEARLY_ALL, SPAN, DOUBT = 8, 0.95, 4.0, 1.0
"""Up to so many examples each is left out once; the share of windows that hold nothing which score less than the level
that stands for them; log odds from there to the mean example that was left out, and what is taken off."""

APART = 0.3
"""Overlap (IoU) of two detections of a frame, at most."""

MOST = 60
"""Detections of a frame, at most."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What windows look like in general.

    Attributes:
        mean: of a cell, [CHANNELS].
        together: how two cells vary together, by rows and columns that the second is further, [LARGEST, 2 * LARGEST
            - 1, CHANNELS, CHANNELS]; the middle column is that of no distance.
    """

    mean: NDArray[np.float64]
    together: NDArray[np.float64]

    @classmethod
    def of(cls, maps: Sequence[Map]) -> "Surroundings":
        """Learn from the features of some pictures, those that are smaller than a template left out."""
        maps = [one for one in maps if min(one.shape[:2]) > LARGEST]
        count = sum(one.shape[0] * one.shape[1] for one in maps)
        mean = np.add.reduce([one.sum(axis=(0, 1), dtype=np.float64) for one in maps]) / count
        together = np.zeros((LARGEST, 2 * LARGEST - 1, CHANNELS, CHANNELS))
        counts = np.zeros((LARGEST, 2 * LARGEST - 1))
        for one in maps:
            rest = (one - mean.astype(np.float32)).astype(np.float32)
            for down in range(LARGEST):
                for across in range(1 - LARGEST, LARGEST):
                    first = rest[: rest.shape[0] - down, max(-across, 0) : rest.shape[1] - max(across, 0)]
                    second = rest[down:, max(across, 0) : rest.shape[1] + min(across, 0)]
                    together[down, across + LARGEST - 1] += np.tensordot(first, second, axes=((0, 1), (0, 1)))
                    counts[down, across + LARGEST - 1] += first.shape[0] * first.shape[1]
        return cls(mean, together / counts[..., None, None])

    def whitening(self, shape: Shape) -> "Whitening":
        """Return what makes windows of a shape vary alike in all directions."""
        rows, columns = np.divmod(np.arange(shape.rows * shape.columns), shape.columns)
        down, across = rows[None] - rows[:, None], columns[None] - columns[:, None]
        turned = down < 0
        parts = self.together[np.abs(down), np.where(turned, -across, across) + LARGEST - 1]
        parts[turned] = parts[turned].transpose(0, 2, 1)
        spread = parts.transpose(0, 2, 1, 3).reshape(shape.length, shape.length)
        spread = (spread + spread.T) / 2
        spread += NOISE * float(np.trace(spread)) / shape.length * np.eye(shape.length)
        try:
            factor = cholesky(spread, lower=True)
        except LinAlgError:
            # Distances far apart were seen in other numbers than near ones: what is left below zero is noise.
            low = float(np.linalg.eigvalsh(spread)[0])
            factor = cholesky(
                spread + (NOISE * float(np.trace(spread)) / shape.length - low) * np.eye(shape.length), lower=True
            )
        return Whitening(shape, np.tile(self.mean, shape.rows * shape.columns), factor)


@dataclass(frozen=True, eq=False)
class Whitening:
    """Makes windows of a shape vary alike in all directions.

    Attributes:
        mean: [shape.length].
        factor: lower triangle whose product with itself is how they vary together.
    """

    shape: Shape
    mean: NDArray[np.float64]
    factor: NDArray[np.float64]

    def __call__(self, vectors: Vectors) -> NDArray[np.float64]:
        """Return vectors of mean 0 and variance 1 in general, [n, shape.length]."""
        return np.asarray(solve_triangular(self.factor, (vectors - self.mean).T, lower=True).T, np.float64)

    def back(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Return what weights of white vectors are as weights of windows, and the number to add."""
        plain = solve_triangular(self.factor, weights, lower=True, trans="T")
        return np.asarray(plain, np.float64), -float(plain @ self.mean)


@dataclass(frozen=True, eq=False)
class Detector:
    """Tells how much a window looks like some examples.

    Attributes:
        shape: of its template.
        weights: [shape.length]; bias: with it a score above 0 is likelier than not an example.
        scales: by which pictures are made larger or smaller.
    """

    shape: Shape
    weights: NDArray[np.float64]
    bias: float
    scales: tuple[float, ...]

    def scores(self, vectors: Vectors) -> NDArray[np.float64]:
        """Return the score of each window, log odds, [n]."""
        return np.asarray(vectors @ self.weights + self.bias, np.float64)

    def scan(self, maps: Map) -> NDArray[np.float32]:
        """Return the score of every place of a template in a picture's features, [rows left, columns left]."""
        kernel = self.weights.reshape(self.shape.rows, self.shape.columns, CHANNELS).astype(np.float32)
        total = np.full(maps.shape[:2], self.bias, np.float32)
        for k in range(CHANNELS):
            total += np.asarray(cv2.filter2D(maps[..., k], cv2.CV_32F, kernel[..., k], anchor=(0, 0)), np.float32)
        return total[: maps.shape[0] - self.shape.rows + 1, : maps.shape[1] - self.shape.columns + 1]


def trained(
    whitening: Whitening, examples: Vectors, nothing: Vectors, scales: tuple[float, ...], elsewhere: bool = False
) -> Detector:
    """Return the detector of some examples.

    Args:
        examples: windows that hold what is looked for, at least 1.
        nothing: windows known to hold nothing of it; may be none.
        elsewhere: all examples are of other clips, so that what is looked for scores less than they do: of few
            examples each is left out once, and scores are counted from those of ``nothing`` to these.
    """
    good, bad = whitening(examples), whitening(nothing)
    weights, bias = _fitted(good, bad)
    if elsewhere and 2 <= len(good) <= FEW and len(bad):
        left_out = []
        for k in range(len(good)):
            others, shift = _fitted(np.delete(good, k, axis=0), bad)
            left_out.append((float(good[k] @ others) + shift, float(np.quantile(bad @ others, NEARLY_ALL)) + shift))
        high, low = np.mean(left_out, axis=0).tolist()
        if high > low:
            weights, bias = weights * (SPAN / (high - low)), (bias - low) * (SPAN / (high - low)) - DOUBT
    plain, shift = whitening.back(weights)
    return Detector(whitening.shape, plain, shift + bias, scales)


def _fitted(good: NDArray[np.float64], bad: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return the weights of white vectors, and what is added, so that a sum is the log odds of an example."""
    start = good.mean(axis=0)
    start /= max(float(np.linalg.norm(start)), 1e-9)
    if not len(bad):
        return start, -float((good @ start).mean()) / 2
    both = np.concatenate([good, bad])
    sign = np.concatenate([np.ones(len(good)), -np.ones(len(bad))])
    share = np.concatenate([np.full(len(good), 1 / len(good)), np.full(len(bad), 1 / len(bad))])
    # The length of the start is free: only its direction is what examples are like.
    first = np.concatenate([start, [1.0, -float(good.mean(axis=0) @ start) / 2]])

    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, length, bias = at[:-2], at[-2], at[-1]
        margin = sign * (both @ weights + bias)
        pull = -sign * share / (1 + np.exp(np.clip(margin, -50, 50)))
        away = weights - length * start
        value = float(share @ np.logaddexp(0, -margin)) + HELD * float(away @ away) + 1e-3 * length**2
        slope = both.T @ pull + 2 * HELD * away
        return value, np.concatenate([slope, [-2 * HELD * float(away @ start) + 2e-3 * length, pull.sum()]])

    found = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": 60}).x
    return found[:-2], float(found[-1])


def detections(picture: Picture, detectors: Sequence[Detector], least: float) -> tuple[Boxes, NDArray[np.float64]]:
    """Return the boxes of a picture that detectors find, the best first, and their scores (log odds).

    Args:
        detectors: with the same scales.
        least: score.
    """
    boxes: list[Boxes] = [np.zeros((0, 4))]
    scores: list[NDArray[np.float64]] = [np.zeros(0)]
    for across, down, cells in pyramid(picture, detectors[0].scales):
        for one in detectors:
            if cells.shape[0] < one.shape.rows or cells.shape[1] < one.shape.columns:
                continue
            found = one.scan(cells)
            peaks = (found >= least) & (found >= cv2.dilate(found, np.ones((3, 3), np.uint8)))
            rows, columns = np.nonzero(peaks)
            low = np.stack([columns, rows], axis=1) * CELL
            high = low + np.array([one.shape.columns, one.shape.rows]) * CELL
            boxes.append(np.concatenate([low, high], axis=1) / np.array([across, down] * 2))
            scores.append(found[rows, columns].astype(np.float64))
    every = inside(np.concatenate(boxes), (picture.shape[0], picture.shape[1]))
    score = np.concatenate(scores)
    kept = strongest(every, score, APART, MOST)
    return every[kept], score[kept]
