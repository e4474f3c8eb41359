"""When an audit will assure a target of quality, from the estimates of the rounds so far, and how such forecasts fared.

The power law is that of :mod:`~al_core.evaluation.learning_curve`; each estimate is drawn anew within its own interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from al_core.evaluation.bootstrap import DRAWS, Array, Estimate, estimate
from al_core.evaluation.learning_curve import SMALLEST_ERROR, Lines

FEWEST = 3
"""Two points always lie on a line, whatever it is worth."""

_WIDTH = 2 * 1.959964
"""Standard deviations of a normal distribution from end to end of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What is estimated after a round.

    Attributes:
        seconds: human seconds up to it.
        value, low, high: the estimate and its 95 % interval, in [0, 1].
        least: what is assured of it, in [0, 1].
    """

    round_id: int
    seconds: float
    value: float
    low: float
    high: float
    least: float


@dataclass(frozen=True, slots=True)
class TargetForecast:
    """When a target will be met.

    Attributes:
        round_id: the last round that is known of.
        needed: value from which on an audit is expected to assure the target.
        to_target: human seconds from then on; 0 where the target is met, infinite where it never is.
    """

    round_id: int
    needed: float
    to_target: Estimate


@dataclass(frozen=True, slots=True)
class ForecastScore:
    """A forecast of the next round's estimate, and what came.

    Attributes:
        round_id: the round that was forecast, from those before it.
        expected: with the interval in which an estimate like the one that came should lie.
    """

    round_id: int
    expected: Estimate
    came: float

    @property
    def held(self) -> bool:
        """Whether what came lies in the interval."""
        return self.expected.low <= self.came <= self.expected.high


def target_forecast(
    points: Sequence[CurvePoint], target: float, needed: float, rng: np.random.Generator
) -> TargetForecast | None:
    """Say when a target will be met.

    Args:
        points: by round, seconds rising.
        target: that has to be assured.
        needed: value from which on an audit is expected to assure it, at least ``target``.

    Returns:
        None with fewer than three rounds that took human time.
    """
    lines = _lines_of(points, rng)
    if lines is None:
        return None
    last = points[-1]
    if last.least >= target:
        return TargetForecast(last.round_id, needed, Estimate(0.0, 0.0, 0.0))
    best, drawn = (each.left(1 - needed, last.seconds) for each in lines)
    return TargetForecast(last.round_id, needed, estimate(float(best[0]), drawn, "inverted_cdf"))


def forecast_scores(points: Sequence[CurvePoint], rng: np.random.Generator) -> list[ForecastScore]:
    """Forecast each round's estimate from those before it, and hold it against what came.

    The interval is of the forecast and of the error of the estimate that came together.
    """
    found = []
    for number in range(FEWEST, len(points)):
        came, lines = points[number], _lines_of(points[:number], rng)
        if lines is None:
            continue
        best, drawn = (1 - each.error(came.seconds) for each in lines)
        # As far as an estimate of this size strays from a share like the forecast one.
        strays = rng.standard_normal(DRAWS) * _spread(came)
        found.append(ForecastScore(came.round_id, estimate(float(best[0]), np.clip(drawn + strays, 0, 1)), came.value))
    return found


def _lines_of(points: Sequence[CurvePoint], rng: np.random.Generator) -> tuple[Lines, Lines] | None:
    """Return the line through some estimates, and lines through estimates as they might have been."""
    kept = [point for point in points if point.seconds > 0]
    if len({point.seconds for point in kept}) < FEWEST:
        return None
    seconds = np.array([point.seconds for point in kept])
    value = np.clip([point.value for point in kept], SMALLEST_ERROR, 1 - SMALLEST_ERROR)
    drawn = np.stack([_might_have_been(v, _spread(point), rng) for v, point in zip(value, kept, strict=True)], axis=1)
    return Lines.of(seconds, 1 - value[None]), Lines.drawn(seconds, np.maximum(1 - drawn, SMALLEST_ERROR), rng)


def _might_have_been(value: float, spread: float, rng: np.random.Generator) -> Array:
    """Draw shares about an estimate, float64 [DRAWS], as a beta distribution of that mean and spread has them."""
    most = value * (1 - value)
    weight = most / min(max(spread, 1e-6) ** 2, 0.9 * most) - 1
    return rng.beta(value * weight, (1 - value) * weight, DRAWS)


def _spread(point: CurvePoint) -> float:
    return (point.high - point.low) / _WIDTH
