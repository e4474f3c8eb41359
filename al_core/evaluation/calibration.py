"""Confidence that means what it says: of the masks with confidence 0.8, the mean overlap with the truth is 0.8.

A confidence c becomes ``sigmoid(slope * logit(c) + offset)`` (Platt: "Probabilistic Outputs for Support Vector
Machines", 1999). The two numbers are fitted to overlaps, which lie between 0 and 1, as a fractional logit model
(Papke, Wooldridge: "Econometric Methods for Fractional Response Variables", 1996), and drawn towards a map that is
known beforehand, so that few samples change little. Frames of one video resemble each other: their weight is divided
by the design effect of such clusters (Kish: "Survey Sampling", 1965). An overlap counts no more than a coin toss would,
though it scatters less (by a factor of 12 to 30 on nine DAVIS clips): what sets one video apart from another is the
larger error, and a fit that took its samples at their word did harm (expected calibration error .005 became .018).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from al_core.evaluation.bootstrap import DRAWS, Array, Estimate, bootstrap_weights, estimate

LEAST = 1e-3
"""Confidences are kept this far from 0 and 1, where the logit is not finite."""

SLOPES = (0.05, 5.0)
"""Bounds of the slope: a higher confidence stays a higher confidence."""

PRIOR_DEVIATION = 0.5
"""How far slope and offset are expected to lie from those known beforehand (standard deviation)."""

RESEMBLANCE = 0.3
"""Correlation of the errors of two frames of one video."""

BINS = 10


@dataclass(frozen=True, slots=True)
class Calibration:
    """A rising map of confidences: a slope below 1 draws them towards the middle, an offset above 0 raises them all.

    Raises:
        ValueError: a slope that is not above 0, or numbers that are not finite.
    """

    slope: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite([self.slope, self.offset]).all() and self.slope > 0):
            raise ValueError(f"a calibration has a slope above 0 and an offset, got {self.slope} and {self.offset}")

    def __call__(self, confidence: float) -> float:
        """Return the expected overlap (IoU) with the truth, in [0, 1]."""
        return float(self.of(np.array([confidence]))[0])

    def of(self, confidence: Array) -> Array:
        """Return the expected overlap of many, float64 of the same shape."""
        if self == IDENTITY:
            return np.asarray(confidence, float)
        return _sigmoid(self.slope * _logit(confidence) + self.offset)

    def undone(self, expected: Array) -> Array:
        """Return the confidences that the map was given, except very near to 0 and 1."""
        if self == IDENTITY:
            return np.asarray(expected, float)
        return _sigmoid((_logit(expected) - self.offset) / self.slope)


IDENTITY = Calibration()
"""Leaves every confidence as it is."""

PRIORS: Mapping[str, Calibration] = {"flow": IDENTITY, "propagated": IDENTITY, "teacher": IDENTITY}
"""What is known beforehand, by propagator and provenance; the identity for any other. The confidence of flow is an
expected overlap as it is: the best maps on nine DAVIS clips are slope 0.97, offset 0.04 with 8 labels and slope 1.07,
offset -0.14 with 4 (``tests/bench/accuracy/calibration.py``)."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Masks whose overlap with the truth became known afterwards.

    Attributes:
        confidence: float64 [n] in [0, 1], before calibration.
        overlap: float64 [n] in [0, 1], IoU with the truth.
        group: int64 [n], samples of one video (or one block of time of a video) have one number.

    Raises:
        ValueError: different lengths, or values outside of their range.
    """

    confidence: Array
    overlap: Array
    group: NDArray[np.int64]

    def __post_init__(self) -> None:
        shapes = [list(a.shape) for a in (self.confidence, self.overlap, self.group)]
        if shapes != [[len(self.group)]] * 3:
            raise ValueError(f"samples are three arrays of one length, got {shapes}")
        if not all(((values >= 0) & (values <= 1)).all() for values in (self.confidence, self.overlap)):
            raise ValueError("confidences and overlaps lie from 0 to 1")

    def __len__(self) -> int:
        return len(self.group)

    @classmethod
    def of(cls, rows: Iterable[tuple[float, float, int]]) -> "Samples":
        """Build from (confidence, overlap, group) of each mask."""
        found = list(rows)
        confidence, overlap, group = zip(*found, strict=True) if found else ((), (), ())
        return cls(np.array(confidence, float), np.array(overlap, float), np.array(group, np.int64))

    def only(self, chosen: NDArray[np.bool_]) -> "Samples":
        """Return the samples where ``chosen``, bool [n], is set."""
        return Samples(self.confidence[chosen], self.overlap[chosen], self.group[chosen])

    def changed(self, calibration: Calibration) -> "Samples":
        """Return the same samples with calibrated confidences."""
        return Samples(calibration.of(self.confidence), self.overlap, self.group)


@dataclass(frozen=True, slots=True)
class Bin:
    """One row of a reliability table: mean confidence and mean overlap of ``n`` masks, in [0, 1]."""

    n: int
    confidence: float
    overlap: float


@dataclass(frozen=True, slots=True)
class Fit:
    """A calibration and what it was worth.

    Attributes:
        samples: that it was fitted to.
        before, after: expected calibration error without and with calibration, the latter on groups that were left
            out of the fit; NaN with fewer than two groups.
    """

    calibration: Calibration
    samples: int
    before: Estimate
    after: Estimate
    reliability: Sequence[Bin] = ()


def fit(samples: Samples, prior: Calibration = IDENTITY) -> Calibration:
    """Fit the most probable calibration, given samples and a prior; without samples, return the prior."""
    if not len(samples):
        return prior
    _, at, n = np.unique(samples.group, return_inverse=True, return_counts=True)
    x, y, weight = _logit(samples.confidence), samples.overlap, 1 / (1 + (n[at] - 1) * RESEMBLANCE)
    known = np.array([prior.slope, prior.offset])

    def loss(parameters: Array) -> tuple[float, Array]:
        z = parameters[0] * x + parameters[1]
        away = (parameters - known) / PRIOR_DEVIATION
        value = float((weight * (np.logaddexp(0, z) - y * z)).sum() + 0.5 * away @ away)
        error = weight * (_sigmoid(z) - y)
        return value, np.array([error @ x, error.sum()]) + away / PRIOR_DEVIATION

    from scipy.optimize import minimize

    found = minimize(loss, known, jac=True, method="L-BFGS-B", bounds=[SLOPES, (None, None)])
    return Calibration(float(found.x[0]), float(found.x[1]))


def cross_validated(samples: Samples, prior: Calibration = IDENTITY, seed: int = 0) -> Fit:
    """Fit to all samples, and say what a fit is worth on groups that it has not seen: each by the fit to the others."""
    calibration = fit(samples, prior)
    groups = np.unique(samples.group)
    if len(groups) < 2:
        unknown = estimate(np.nan)
        return Fit(calibration, len(samples), unknown, unknown)
    held_out = np.empty(len(samples))
    for group in groups:
        left_out = samples.group == group
        held_out[left_out] = fit(samples.only(~left_out), prior).of(samples.confidence[left_out])
    unseen = Samples(held_out, samples.overlap, samples.group)
    before, after = (expected_calibration_error(s, seed=seed) for s in (samples, unseen))
    return Fit(calibration, len(samples), before, after, tuple(reliability(unseen)))


def expected_calibration_error(samples: Samples, bins: int = BINS, draws: int = DRAWS, seed: int = 0) -> Estimate:
    """Measure how far confidence and overlap lie apart, over masks (Guo et al.: "On Calibration of Modern Neural
    Networks", ICML 2017, with the overlap in the place of right or wrong).

    Masks are put into bins of equal width by their confidence; the difference between the mean confidence and the mean
    overlap of each bin counts by the share of masks in it.

    Returns:
        In [0, 1], with the 95% percentile interval of a bootstrap over groups; the interval is unknown (NaN) with one
        group, everything is without samples.
    """
    groups = np.unique(samples.group)
    if not len(groups):
        return estimate(np.nan)
    sums = np.array([_bin_sums(samples.only(samples.group == g), bins) for g in groups])
    value = _error(sums.sum(axis=0)[None])[0]
    if len(groups) < 2:
        return estimate(value)
    weights = bootstrap_weights(len(groups), np.random.default_rng(seed), draws)
    return estimate(value, _error(np.tensordot(weights, sums, axes=1)))


def reliability(samples: Samples, bins: int = BINS) -> list[Bin]:
    """Return the rows of a reliability diagram, in rising order of confidence; empty bins are left out."""
    n, confidence, overlap = _bin_sums(samples, bins)
    return [Bin(int(k), float(c / k), float(o / k)) for k, c, o in zip(n, confidence, overlap, strict=True) if k]


def _bin_sums(samples: Samples, bins: int) -> Array:
    """Return the number of masks, sum of confidences and sum of overlaps of each bin, float64 [3, bins]."""
    at = np.minimum((samples.confidence * bins).astype(int), bins - 1)
    rows = (None, samples.confidence, samples.overlap)
    return np.array([np.bincount(at, weights, minlength=bins) for weights in rows], float)


def _error(sums: Array) -> Array:
    """Return the expected calibration error from sums of bins: float64 [draws, 3, bins] to [draws]."""
    n, confidence, overlap = sums[:, 0], sums[:, 1], sums[:, 2]
    return np.asarray(np.abs(confidence - overlap).sum(axis=1) / n.sum(axis=1))


def _sigmoid(x: Array) -> Array:
    # What only shows calibrations, or reads settings, starts without it.
    from scipy.special import expit

    return np.asarray(expit(x))


def _logit(confidence: Array) -> Array:
    from scipy.special import logit

    return np.asarray(logit(np.clip(np.asarray(confidence, float), LEAST, 1 - LEAST)))
