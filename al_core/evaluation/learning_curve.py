"""What the next hour of labelling buys: the learning curve carried on, with an interval.

The error of a learner falls as a power of what it was given, ``error = a * seconds ** -slope`` (Cortes, Jackel, Solla,
Vapnik, Denker: "Learning Curves: Asymptotic Values and Rate of Convergence", NIPS 1993; Viering and Loog: "The Shape of
Learning Curves", PAMI 2023, who also show how often such forecasts fail). A line is fitted to the logarithms. Its
interval puts together which videos were measured (drawn with replacement) and how far the rounds lie from the line
(Student's t).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from al_core.evaluation.bootstrap import LEVEL, Estimate, bootstrap_weights

DRAWS = 2000
SMALLEST_ERROR = 1e-4
"""An error of 0 has no logarithm."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What more labelling is expected to bring.

    Attributes:
        now: quality after the last round, in [0, 1].
        seconds: of human time that the forecast is for.
        later: quality after so much more human time.
        gain: how much more that is.
        to_target: human seconds until the target is reached; infinite where the curve is flat, 0 where it is reached.
            None without a target.
    """

    now: float
    seconds: float
    later: Estimate
    gain: Estimate
    to_target: Estimate | None


def forecast(
    spent: Sequence[float],
    quality: NDArray[np.floating],
    rng: np.random.Generator,
    more: float = 3600.0,
    target: float | None = None,
) -> Forecast | None:
    """Carry the learning curve on.

    Args:
        spent: human seconds up to each round, float [rounds], rising.
        quality: after each round, float [rounds, videos], in [0, 1]; every video is measured after every round.
        more: human seconds that the forecast is for.
        target: a quality in (0, 1].

    Returns:
        None with fewer than three rounds that took human time: two points always lie on a line, whatever it is worth.
    """
    seconds = np.asarray(spent, float)
    kept = seconds > 0
    seconds, error = seconds[kept], np.maximum(1 - np.asarray(quality, float)[kept], SMALLEST_ERROR)
    if len(np.unique(seconds)) < 3:
        return None
    best, drawn = _Lines.of(seconds, error.mean(axis=1)[None]), _Lines.drawn(seconds, error, rng)
    now, end = float(seconds[-1]), float(seconds[-1] + more)
    return Forecast(
        now=1 - float(error[-1].mean()),
        seconds=more,
        later=_estimate(1 - best.error(end), 1 - drawn.error(end)),
        gain=_estimate(best.error(now) - best.error(end), drawn.error(now) - drawn.error(end)),
        to_target=None if target is None else _estimate(best.left(1 - target, now), drawn.left(1 - target, now)),
    )


@dataclass(frozen=True, eq=False)
class _Lines:
    """Power laws, one for each draw: ``log error = level - slope * (log seconds - middle)``; slopes are not below 0,
    for in the long run labels do no harm."""

    middle: float
    level: Array
    slope: Array

    @classmethod
    def of(cls, seconds: Array, error: Array) -> "_Lines":
        """Lines through the rows of ``error``, [draws, rounds]."""
        x = np.log(seconds)
        level, slope, _ = _fitted(x - x.mean(), np.log(error))
        return cls(float(x.mean()), level, np.maximum(slope, 0.0))

    @classmethod
    def drawn(cls, seconds: Array, error: Array, rng: np.random.Generator) -> "_Lines":
        """Lines as they might have been, from errors [rounds, videos]."""
        n_videos = error.shape[1]
        weights = bootstrap_weights(n_videos, rng, DRAWS) if n_videos > 1 else np.ones((DRAWS, 1))
        x = np.log(seconds)
        centred = x - x.mean()
        level, slope, spread = _fitted(centred, np.log(weights @ error.T))
        noise = spread * rng.standard_t(len(x) - 2, (2, DRAWS))
        level = level + noise[0] / np.sqrt(len(x))
        slope = slope + noise[1] / np.sqrt((centred**2).sum())
        return cls(float(x.mean()), level, np.maximum(slope, 0.0))

    def error(self, seconds: float) -> Array:
        """After so many human seconds, at most 1, [draws]."""
        return np.minimum(np.exp(self.level - self.slope * (np.log(seconds) - self.middle)), 1.0)

    def left(self, error: float, now: float) -> Array:
        """Human seconds from now until the error is reached, infinite where it never is, [draws]."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            seconds = np.exp(self.middle + (self.level - np.log(max(error, 0.0))) / self.slope)
        return np.where(self.error(now) <= error, 0.0, np.maximum(seconds - now, 0.0))


def _fitted(centred: Array, y: Array) -> tuple[Array, Array, Array]:
    """(level, falling slope, standard deviation about the line) of each row of y, [draws, rounds]."""
    level = y.mean(axis=1)
    slope = (y * centred).sum(axis=1) / (centred**2).sum()
    rest = y - level[:, None] - slope[:, None] * centred
    return level, -slope, np.sqrt((rest**2).sum(axis=1) / (len(centred) - 2))


def _estimate(value: Array, draws: Array) -> Estimate:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], method="inverted_cdf")
    return Estimate(float(value[0]), float(low), float(high))
