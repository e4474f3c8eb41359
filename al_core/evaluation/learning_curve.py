"""Curves of quality against human effort: compared between strategies, and carried on.

What is compared is paired: every strategy labels the same videos with the same seeds, and in each draw of the bootstrap
(:mod:`al_core.evaluation.bootstrap`) both are seen on the same videos.

The **pooled curve** of some videos has a point per round: the mean effort per video and the mean quality after that
round. A campaign over many videos with one budget gives each of them the effort of the whole campaign.

The **forecast** rests on this: the error of a learner falls as a power of what it was given,
``error = a * seconds ** -slope`` (Cortes, Jackel, Solla, Vapnik, Denker: "Learning Curves: Asymptotic Values and Rate
of Convergence", NIPS 1993; Viering and Loog: "The Shape of Learning Curves", PAMI 2023, who also show how often such
forecasts fail). A line is fitted to the logarithms. Its interval puts together which videos were measured (drawn with
replacement) and how far the rounds lie from the line (Student's t).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadRecords
from al_core.evaluation.bootstrap import DRAWS, Array, Estimate, bootstrap_weights, estimate, interval

Run = tuple[Sequence[float], Sequence[float]]
"""(effort, quality) after each round of one video in one campaign; effort never falls."""


@dataclass(frozen=True, eq=False)
class Curves:
    """The curves of one strategy, a row per video, each the mean over its seeds.

    Attributes:
        cost: human effort after each round, float64 [videos, rounds], not falling along a row.
        value: quality after each round, float64 [videos, rounds].

    Raises:
        BadRecords: shapes that do not fit, nothing at all, an effort that falls, or a value that is no number.
    """

    videos: tuple[str, ...]
    cost: Array
    value: Array

    def __post_init__(self) -> None:
        if not self.cost.size or self.cost.shape != self.value.shape or len(self.cost) != len(self.videos):
            raise BadRecords(
                f"curves of {len(self.videos)} videos need cost and value of shape [videos, rounds], got "
                f"{list(self.cost.shape)} and {list(self.value.shape)}"
            )
        if not np.isfinite(self.value).all() or not (np.diff(self.cost) >= 0).all():
            raise BadRecords("a curve needs a quality at every point, and an effort that never falls")

    @classmethod
    def of(cls, runs: Mapping[str, Sequence[Run]]) -> "Curves":
        """Put the runs of each video together, one run per seed.

        A run that ended before the longest one stays where it ended: no more effort, no more quality.
        """
        rounds = max((len(cost) for found in runs.values() for cost, _ in found), default=0)
        cost = [np.mean([_padded(cost, rounds) for cost, _ in found], axis=0) for found in runs.values()]
        value = [np.mean([_padded(value, rounds) for _, value in found], axis=0) for found in runs.values()]
        return cls(tuple(runs), np.array(cost, float), np.array(value, float))

    def only(self, videos: Sequence[str]) -> "Curves":
        """Return the rows of some videos, in their order."""
        rows = [self.videos.index(name) for name in videos]
        return Curves(tuple(videos), self.cost[rows], self.value[rows])

    def pooled(self, weights: Array | None = None) -> tuple[Array, Array]:
        """Return (effort, quality) of the pooled curve, float64 [rounds] each.

        Args:
            weights: how much each video counts, summing to 1, float64 [..., videos]; by default all the same.
                The curves then have shape [..., rounds].
        """
        if weights is None:
            weights = np.full(len(self.videos), 1 / len(self.videos))
        return weights @ self.cost, weights @ self.value


@dataclass(frozen=True, slots=True)
class Reach:
    """What it costs to reach a target: somewhere from ``least`` to ``most``, equal where the curve crosses the target.

    A curve that is there at its first point came there for that effort or less (``least`` 0); one that never comes
    there needs more than its last effort (``most`` infinite).
    """

    least: float
    most: float

    @property
    def exact(self) -> bool:
        """Whether the curve crosses the target between two of its points."""
        return self.least == self.most


@dataclass(frozen=True, slots=True)
class CostRatio:
    """How many times the effort of a strategy a baseline needs for the same target; above 1 the strategy is better.

    Where a curve does not cross the target, only bounds of the ratio are known (``least`` and ``most``, else equal).
    The interval over videos (``low`` and ``high``; NaN with one video) keeps to that: its lower end is taken over the
    lower bounds of all draws, its upper end over the upper bounds, so that it is wider, never narrower, than if all
    draws had been measured to their end.
    """

    least: float
    most: float
    low: float
    high: float

    @property
    def exact(self) -> bool:
        """Whether both curves cross the target."""
        return self.least == self.most

    def reaches(self, aim: float) -> bool | None:
        """Tell whether the ratio is at least ``aim``; None where the curves end too early to say."""
        return True if self.least >= aim else False if self.most < aim else None


def cost_to_reach(cost: Array, value: Array, target: float) -> Reach:
    """Return the first effort at which a curve reaches a target, interpolated between its points."""
    least, most = _reach_bounds(cost, value, target)
    return Reach(float(least), float(most))


def area_under(cost: Array, value: Array, start: float, end: float) -> float:
    """Return the mean height of a piecewise linear curve from ``start`` to ``end``: the area, divided by the width.

    Where the curve jumps (two points of the same effort), the later point counts.

    Raises:
        BadRecords: the curve does not cover the span, or the span is empty.
    """
    if not cost[0] <= start < end <= cost[-1]:
        raise BadRecords(f"a curve from {cost[0]:g} to {cost[-1]:g} has no area between {start:g} and {end:g}")
    inner = (cost > start) & (cost < end)
    x = np.concatenate([[start], cost[inner], [end]])
    y = np.concatenate([[_at(cost, value, start)], value[inner], [_at(cost, value, end)]])
    return float(np.trapezoid(y, x) / (end - start))


def common_span(curves: Sequence[Curves]) -> tuple[float, float] | None:
    """Return (first, last) effort that all pooled curves cover; None where they have none in common."""
    costs = [c.pooled()[0] for c in curves]
    start, end = max(c[0] for c in costs), min(c[-1] for c in costs)
    return (float(start), float(end)) if start < end else None


def area(curves: Curves, span: tuple[float, float], rng: np.random.Generator, draws: int = DRAWS) -> Estimate:
    """Return the area under the pooled curve, normalised to [0, 1] by the width of the span.

    A draw whose videos cost more or less than the mean has its span scaled by as much, so that each draw is measured
    over the same part of its curve.
    """
    last = curves.pooled()[0][-1]

    def measure(cost: Array, value: Array) -> float:
        scale = cost[-1] / last if last else 1.0
        start, end = (float(np.clip(x * scale, cost[0], cost[-1])) for x in span)
        return area_under(cost, value, start, end) if start < end else float(value[-1])

    return _measured(curves, measure, rng, draws)


def final(curves: Curves, rng: np.random.Generator, draws: int = DRAWS) -> Estimate:
    """Return the quality after the last round."""
    return _measured(curves, lambda _, value: float(value[-1]), rng, draws)


def band(curves: Curves, rng: np.random.Generator, draws: int = DRAWS) -> tuple[Array, Array]:
    """Return (low, high) ends of the pooled quality after each round, float64 [rounds] each; NaN with one video."""
    if len(curves.videos) < 2:
        unknown = np.full(curves.value.shape[1], np.nan)
        return unknown, unknown
    return interval(curves.pooled(bootstrap_weights(len(curves.videos), rng, draws))[1])


def cost_ratio(
    strategy: Curves, baseline: Curves, target: float, rng: np.random.Generator, draws: int = DRAWS
) -> CostRatio:
    """Divide the effort of the baseline to reach a target by that of the strategy, on the pooled curves of both.

    Only the videos that both have labelled are compared.
    """
    strategy, baseline = paired(strategy, baseline)
    n = len(strategy.videos)
    least, most = _ratio_bounds(strategy, baseline, target, None)
    if n < 2:
        return CostRatio(float(least), float(most), np.nan, np.nan)
    lows, highs = _ratio_bounds(strategy, baseline, target, bootstrap_weights(n, rng, draws))
    # Bounds may be infinite, between which nothing can be interpolated: take the draw on the outer side.
    return CostRatio(float(least), float(most), float(interval(lows, "lower")[0]), float(interval(highs, "higher")[1]))


def paired(first: Curves, second: Curves) -> tuple[Curves, Curves]:
    """Return both on the videos that they have in common.

    Raises:
        BadRecords: there are none.
    """
    both = [name for name in first.videos if name in second.videos]
    if not both:
        raise BadRecords("two strategies are compared on the videos that both have labelled, and there are none")
    return first.only(both), second.only(both)


def _padded(values: Sequence[float], n: int) -> Array:
    return np.pad(np.asarray(values, float), (0, n - len(values)), mode="edge")


def _measured(
    curves: Curves, measure: Callable[[Array, Array], float], rng: np.random.Generator, draws: int
) -> Estimate:
    value = measure(*curves.pooled())
    if len(curves.videos) < 2:
        return estimate(value)
    costs, values = curves.pooled(bootstrap_weights(len(curves.videos), rng, draws))
    return estimate(value, np.array([measure(c, v) for c, v in zip(costs, values, strict=True)]))


def _at(cost: Array, value: Array, x: float) -> float:
    """Return the height of the curve, the later point where it jumps."""
    return float(value[np.flatnonzero(cost == x)[-1]] if (cost == x).any() else np.interp(x, cost, value))


def _reach_bounds(cost: Array, value: Array, target: float) -> tuple[Array, Array]:
    """Return the bounds of the effort that reaches a target, for curves of shape [..., rounds]; float64 [...] each."""
    there = value >= target
    after = there.argmax(axis=-1)[..., None]
    ends = np.maximum(after - 1, 0), after
    (x0, x1), (y0, y1) = ([np.take_along_axis(of, i, -1)[..., 0] for i in ends] for of in (cost, value))
    rise = np.where(y1 > y0, y1 - y0, 1.0)
    crossed = x0 + (x1 - x0) * np.clip((target - y0) / rise, 0, 1)
    never, at_once = ~there.any(axis=-1), there[..., 0]
    least = np.where(never, cost[..., -1], np.where(at_once, 0.0, crossed))
    most = np.where(never, np.inf, np.where(at_once, cost[..., 0], crossed))
    return least, most


def _ratio_bounds(strategy: Curves, baseline: Curves, target: float, weights: Array | None) -> tuple[Array, Array]:
    mine = _reach_bounds(*strategy.pooled(weights), target)
    theirs = _reach_bounds(*baseline.pooled(weights), target)
    return _quotient(theirs[0], mine[1], 0.0), _quotient(theirs[1], mine[0], np.inf)


def _quotient(above: Array, below: Array, otherwise: float) -> Array:
    """Return ``above / below``; where that has no meaning (0 / 0, infinite / infinite), what is certain anyway."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.asarray(above / below)
    return np.where(np.isnan(ratio), otherwise, ratio)


# ---- forecast

SMALLEST_ERROR = 1e-4
"""An error of 0 has no logarithm."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What more labelling is expected to bring.

    Attributes:
        now: quality after the last round, in [0, 1].
        later: quality after so many more human seconds.
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
    weights = bootstrap_weights(error.shape[1], rng) if error.shape[1] > 1 else np.ones((DRAWS, 1))
    lines = Lines.of(seconds, error.mean(axis=1)[None]), Lines.drawn(seconds, weights @ error.T, rng)
    now, end = float(seconds[-1]), float(seconds[-1] + more)

    def foreseen(figure: Callable[[Lines], Array]) -> Estimate:
        best, drawn = map(figure, lines)
        return estimate(float(best[0]), drawn, "inverted_cdf")

    return Forecast(
        now=1 - float(error[-1].mean()),
        seconds=more,
        later=foreseen(lambda line: 1 - line.error(end)),
        gain=foreseen(lambda line: line.error(now) - line.error(end)),
        to_target=None if target is None else foreseen(lambda line: line.left(1 - target, now)),
    )


@dataclass(frozen=True, eq=False)
class Lines:
    """Power laws, one for each draw: ``log error = level - slope * (log seconds - middle)``; slopes are not below 0,
    for in the long run labels do no harm."""

    middle: float
    level: Array
    slope: Array

    @classmethod
    def of(cls, seconds: Array, error: Array) -> "Lines":
        """Fit lines through the rows of ``error``, [draws, rounds]."""
        x = np.log(seconds)
        level, slope, _ = _fitted(x - x.mean(), np.log(error))
        return cls(float(x.mean()), level, np.maximum(slope, 0.0))

    @classmethod
    def drawn(cls, seconds: Array, error: Array, rng: np.random.Generator) -> "Lines":
        """Draw lines as they might have been, from errors as they might have been, [draws, rounds]."""
        x = np.log(seconds)
        centred = x - x.mean()
        level, slope, spread = _fitted(centred, np.log(error))
        noise = spread * rng.standard_t(len(x) - 2, (2, len(error)))
        level = level + noise[0] / np.sqrt(len(x))
        slope = slope + noise[1] / np.sqrt((centred**2).sum())
        return cls(float(x.mean()), level, np.maximum(slope, 0.0))

    def error(self, seconds: float) -> Array:
        """Return the error after this many human seconds, at most 1, [draws]."""
        return np.exp(np.minimum(self.level - self.slope * (np.log(seconds) - self.middle), 0.0))

    def left(self, error: float, now: float) -> Array:
        """Return the human seconds from now until an error is reached, infinite where it never is, [draws]."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            seconds = np.exp(self.middle + (self.level - np.log(max(error, 0.0))) / self.slope)
        return np.where(self.error(now) <= error, 0.0, np.maximum(seconds - now, 0.0))


def _fitted(centred: Array, y: Array) -> tuple[Array, Array, Array]:
    """Return (level, falling slope, standard deviation about the line) of each row of y, [draws, rounds]."""
    level = y.mean(axis=1)
    slope = (y * centred).sum(axis=1) / (centred**2).sum()
    rest = y - level[:, None] - slope[:, None] * centred
    return level, -slope, np.sqrt((rest**2).sum(axis=1) / (len(centred) - 2))
