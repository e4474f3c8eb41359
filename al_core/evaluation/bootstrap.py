"""Compare strategies by their curves of quality against human effort, with intervals over videos.

What is compared is paired: every strategy labels the same videos with the same seeds. Intervals are percentile
intervals of a cluster bootstrap (Efron: "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics
1979): videos are drawn with replacement, all seeds of a video stay together, and both strategies are seen on the same
drawn videos. So an interval says what other videos of this kind could have shown. It needs at least two videos; with
one it is unknown (NaN).

The **pooled curve** of some videos has a point per round: the mean effort per video and the mean quality after that
round. A campaign over many videos with one budget gives each of them the effort of the whole campaign.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadRecords

DRAWS = 2000
LEVEL = 0.95

Array = NDArray[np.float64]
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
        """The rows of some videos, in their order."""
        rows = [self.videos.index(name) for name in videos]
        return Curves(tuple(videos), self.cost[rows], self.value[rows])

    def pooled(self, weights: Array | None = None) -> tuple[Array, Array]:
        """(effort, quality) of the pooled curve, float64 [rounds] each.

        Args:
            weights: how much each video counts, summing to 1, float64 [..., videos]; by default all the same.
                The curves then have shape [..., rounds].
        """
        if weights is None:
            weights = np.full(len(self.videos), 1 / len(self.videos))
        return weights @ self.cost, weights @ self.value


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval; ``low`` and ``high`` are NaN where one video is all there is."""

    value: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return not np.isnan(self.low)


@dataclass(frozen=True, slots=True)
class Reach:
    """What it costs to reach a target: somewhere from ``least`` to ``most``.

    The two are equal where the curve crosses the target. A curve that is there at its first point came there for that
    effort or less (``least`` 0); one that never comes there needs more than its last effort (``most`` infinite).
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

    Where a curve does not cross the target, only bounds of the ratio are known. The interval keeps to that: its lower
    end is taken over the lower bounds of all draws, its upper end over the upper bounds, so that it is wider, never
    narrower, than if all draws had been measured to their end.

    Attributes:
        least, most: bounds of the ratio itself; equal when both curves cross the target.
        low, high: interval over videos; NaN with one video.
        censored: share of the draws in which one of the curves does not cross the target, in [0, 1].
    """

    least: float
    most: float
    low: float
    high: float
    censored: float

    @property
    def exact(self) -> bool:
        """Whether both curves cross the target."""
        return self.least == self.most

    def reaches(self, aim: float) -> bool | None:
        """Whether the ratio is at least ``aim``; None where the curves end too early to say."""
        if self.least >= aim:
            return True
        return False if self.most < aim else None


def bootstrap_weights(n_videos: int, rng: np.random.Generator, draws: int = DRAWS) -> Array:
    """How much each video counts in each draw, float64 [draws, videos], rows summing to 1."""
    return rng.multinomial(n_videos, np.full(n_videos, 1 / n_videos), size=draws) / n_videos


def cost_to_reach(cost: Array, value: Array, target: float) -> Reach:
    """The first effort at which a curve reaches a target, interpolated between its points."""
    least, most = _reach_bounds(cost, value, target)
    return Reach(float(least), float(most))


def area_under(cost: Array, value: Array, start: float, end: float) -> float:
    """Mean height of a piecewise linear curve from ``start`` to ``end``: the area, divided by the width.

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
    """(first, last) effort that all pooled curves cover; None where they have none in common."""
    costs = [c.pooled()[0] for c in curves]
    start, end = max(c[0] for c in costs), min(c[-1] for c in costs)
    return (float(start), float(end)) if start < end else None


def area(curves: Curves, span: tuple[float, float], rng: np.random.Generator, draws: int = DRAWS) -> Estimate:
    """Area under the pooled curve, normalised to [0, 1] by the width of the span.

    A draw whose videos cost more or less than the mean has its span scaled by as much, so that each draw is measured
    over the same part of its curve.
    """
    last = curves.pooled()[0][-1]

    def measure(cost: Array, value: Array) -> float:
        scale = cost[-1] / last if last else 1.0
        start, end = (float(np.clip(x * scale, cost[0], cost[-1])) for x in span)
        return area_under(cost, value, start, end) if start < end else float(value[-1])

    return _estimate(curves, measure, rng, draws)


def final(curves: Curves, rng: np.random.Generator, draws: int = DRAWS) -> Estimate:
    """Quality after the last round."""
    return _estimate(curves, lambda _, value: float(value[-1]), rng, draws)


def band(curves: Curves, rng: np.random.Generator, draws: int = DRAWS) -> tuple[Array, Array]:
    """Interval of the pooled quality after each round: (low, high), float64 [rounds] each; NaN with one video."""
    if len(curves.videos) < 2:
        unknown = np.full(curves.value.shape[1], np.nan)
        return unknown, unknown
    drawn = curves.pooled(bootstrap_weights(len(curves.videos), rng, draws))[1]
    low, high = np.quantile(drawn, _tails(), axis=0)
    return low, high


def mean_difference(first: Curves, second: Curves, rng: np.random.Generator, draws: int = DRAWS) -> Estimate:
    """Quality of the first strategy after its last round minus that of the second, over the videos of both."""
    first, second = paired(first, second)
    difference = first.value[:, -1] - second.value[:, -1]
    if len(difference) < 2:
        return Estimate(float(difference.mean()), np.nan, np.nan)
    drawn = bootstrap_weights(len(difference), rng, draws) @ difference
    low, high = np.quantile(drawn, _tails())
    return Estimate(float(difference.mean()), float(low), float(high))


def cost_ratio(
    strategy: Curves, baseline: Curves, target: float, rng: np.random.Generator, draws: int = DRAWS
) -> CostRatio:
    """Effort of the baseline to reach a target, divided by that of the strategy, on the pooled curves of both.

    Only the videos that both have labelled are compared.
    """
    strategy, baseline = paired(strategy, baseline)
    least, most = _ratio_bounds(strategy, baseline, target, np.full(len(strategy.videos), 1 / len(strategy.videos)))
    if len(strategy.videos) < 2:
        return CostRatio(float(least), float(most), np.nan, np.nan, float(least != most))
    lows, highs = _ratio_bounds(strategy, baseline, target, bootstrap_weights(len(strategy.videos), rng, draws))
    tails = _tails()
    # Bounds may be infinite, between which nothing can be interpolated: take the draw on the outer side.
    low = np.quantile(lows, tails[0], method="lower")
    high = np.quantile(highs, tails[1], method="higher")
    return CostRatio(float(least), float(most), float(low), float(high), float(np.mean(lows != highs)))


def paired(first: Curves, second: Curves) -> tuple[Curves, Curves]:
    """Both on the videos that they have in common.

    Raises:
        BadRecords: there are none.
    """
    both = [name for name in first.videos if name in second.videos]
    if not both:
        raise BadRecords("two strategies are compared on the videos that both have labelled, and there are none")
    return first.only(both), second.only(both)


def _padded(values: Sequence[float], n: int) -> Array:
    return np.pad(np.asarray(values, float), (0, n - len(values)), mode="edge")


def _estimate(
    curves: Curves, measure: Callable[[Array, Array], float], rng: np.random.Generator, draws: int
) -> Estimate:
    value = measure(*curves.pooled())
    if len(curves.videos) < 2:
        return Estimate(value, np.nan, np.nan)
    costs, values = curves.pooled(bootstrap_weights(len(curves.videos), rng, draws))
    low, high = np.quantile([measure(c, v) for c, v in zip(costs, values, strict=True)], _tails())
    return Estimate(value, float(low), float(high))


def _tails() -> tuple[float, float]:
    return (1 - LEVEL) / 2, (1 + LEVEL) / 2


def _at(cost: Array, value: Array, x: float) -> float:
    """Height of the curve, the later point where it jumps."""
    return float(value[np.flatnonzero(cost == x)[-1]] if (cost == x).any() else np.interp(x, cost, value))


def _reach_bounds(cost: Array, value: Array, target: float) -> tuple[Array, Array]:
    """Bounds of the effort that reaches a target, for curves of shape [..., rounds]; float64 [...] each."""
    there = value >= target
    after = there.argmax(axis=-1)[..., None]
    before = np.maximum(after - 1, 0)
    x0, x1 = (np.take_along_axis(cost, i, -1)[..., 0] for i in (before, after))
    y0, y1 = (np.take_along_axis(value, i, -1)[..., 0] for i in (before, after))
    rise = np.where(y1 > y0, y1 - y0, 1.0)
    crossed = x0 + (x1 - x0) * np.clip((target - y0) / rise, 0, 1)
    never, at_once = ~there.any(axis=-1), there[..., 0]
    least = np.where(never, cost[..., -1], np.where(at_once, 0.0, crossed))
    most = np.where(never, np.inf, np.where(at_once, cost[..., 0], crossed))
    return least, most


def _ratio_bounds(strategy: Curves, baseline: Curves, target: float, weights: Array) -> tuple[Array, Array]:
    mine = _reach_bounds(*strategy.pooled(weights), target)
    theirs = _reach_bounds(*baseline.pooled(weights), target)
    return _quotient(theirs[0], mine[1], 0.0), _quotient(theirs[1], mine[0], np.inf)


def _quotient(above: Array, below: Array, otherwise: float) -> Array:
    """``above / below``; where that has no meaning (0 / 0, infinite / infinite), what is certain anyway."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.asarray(above / below)
    return np.where(np.isnan(ratio), otherwise, ratio)
