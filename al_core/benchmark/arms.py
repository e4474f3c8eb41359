"""The strategies of a simulation beside each other: quality, effort to reach a target, ratios, and the aims."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

from al_core.benchmark.curve_points import GOOD, CurvePoint, VideoFigures
from al_core.errors import BadRecords
from al_core.evaluation.bootstrap import DRAWS, Estimate
from al_core.evaluation.learning_curve import (
    CostRatio,
    Curves,
    Reach,
    Run,
    area,
    common_span,
    cost_ratio,
    cost_to_reach,
    final,
)

Effort = Literal["human_frames", "human_seconds"]
Quality = Literal["jf", "jf_all", "good_share", "j", "f"]

EFFORTS: tuple[Effort, Effort] = ("human_frames", "human_seconds")
BASELINES = ("uniform", "random")


@dataclass(frozen=True, slots=True)
class Aim:
    """What a strategy should achieve on a set, or on every set: a baseline needs ``ratio`` times its effort, or more.

    Strategies are named as in :attr:`CurvePoint.arm`.
    """

    text: str
    effort: Effort
    arm: str
    baseline: str
    ratio: float
    set_name: str | None = None


AIMS = (
    Aim("all kinds of label: at most a third of the time", "human_seconds", "value, all", "uniform", 3.0),
    Aim("all kinds of label: at most two thirds of the time", "human_seconds", "value, all", "random, click", 1.5),
    Aim("choice of frames alone: 1.7 times fewer", "human_frames", "value", "random", 1.7),
    Aim("choice of frames alone: 1.1 times fewer", "human_frames", "value", "uniform", 1.1, "pool"),
    Aim("choice of frames alone: 1.3 times fewer", "human_frames", "value", "uniform", 1.3, "long"),
    Aim("choice of frames alone: never more", "human_frames", "value", "uniform", 1.0),
)
"""What the project set out to show."""


@dataclass(frozen=True, slots=True)
class AimResult:
    """An aim on one set; ``ratio`` is None where the records lack the strategy or the baseline."""

    aim: Aim
    set_name: str
    ratio: CostRatio | None

    @property
    def reached(self) -> bool | None:
        """By the figure itself; None where it cannot be said."""
        return None if self.ratio is None else self.ratio.reaches(self.aim.ratio)

    @property
    def certain(self) -> bool:
        """Whether the whole interval is on the side that ``reached`` names."""
        if self.ratio is None or self.reached is None:
            return False
        return self.ratio.low >= self.aim.ratio if self.reached else self.ratio.high < self.aim.ratio


@dataclass(frozen=True, eq=False)
class ArmSummary:
    """One strategy on one set, after the last round.

    Attributes:
        final_all: mean J&F over all frames; None where the records do not tell.
        good: share of all frames that are good; None where the records do not tell.
        area: under the curve of quality over human frames; None where the strategies share no span.
        human_frames, human_seconds: per campaign.
        reach: effort to reach the target.
        ratios: (effort, baseline) -> how many times the effort the baseline needs.
    """

    set_name: str
    arm: str
    n_videos: int
    n_seeds: int
    final: Estimate
    final_all: float | None
    good: float | None
    area: Estimate | None
    human_frames: float
    human_seconds: float
    reach: Mapping[Effort, Reach]
    ratios: Mapping[tuple[Effort, str], CostRatio]


@dataclass(frozen=True, eq=False)
class ArmComparison:
    """All records of a simulation, compared by the effort to reach a target, and held against the baselines."""

    points: tuple[CurvePoint, ...]
    target: float = GOOD
    quality: Quality = "jf"
    baselines: tuple[str, ...] = BASELINES
    seed: int = 0
    draws: int = DRAWS

    def __post_init__(self) -> None:
        if not self.points:
            raise BadRecords("there is nothing to compare: no records")

    @property
    def sets(self) -> list[str]:
        """Names of the sets, as they come."""
        return list(dict.fromkeys(p.set_name for p in self.points))

    def arms(self, set_name: str | None = None) -> list[str]:
        """Return the strategies of a set (or of all): those that are no baseline first, then as they come."""
        found = list(dict.fromkeys(p.arm for p in self.points if set_name in (None, p.set_name)))
        return sorted(found, key=lambda arm: arm in self.baselines)

    def of(self, set_name: str, arm: str) -> list[CurvePoint]:
        """Return the records of one strategy on one set."""
        return [p for p in self.points if p.set_name == set_name and p.arm == arm]

    def curves(self, set_name: str, arm: str, effort: Effort, quality: Quality | None = None) -> Curves | None:
        """Return the curves of one strategy on one set; see :func:`curves_of`."""
        return curves_of(self.of(set_name, arm), effort, quality or self.quality)

    def rng(self) -> np.random.Generator:
        """Return a fresh generator, always of the same seed: every figure draws the same videos."""
        return np.random.default_rng(self.seed)

    def ratio(self, set_name: str, arm: str, baseline: str, effort: Effort) -> CostRatio | None:
        """Return how many times the effort of a strategy a baseline needs; None where one of them is missing."""
        mine, theirs = (self.curves(set_name, name, effort) for name in (arm, baseline))
        if mine is None or theirs is None or not set(mine.videos) & set(theirs.videos):
            return None
        return cost_ratio(mine, theirs, self.target, self.rng(), self.draws)

    def summary(self, set_name: str) -> list[ArmSummary]:
        """Return one entry per strategy of a set; one that was never measured is left out."""
        curves = {arm: self.curves(set_name, arm, "human_frames") for arm in self.arms(set_name)}
        known = {arm: found for arm, found in curves.items() if found is not None}
        span = common_span(list(known.values())) if known else None
        return [self._summarised(set_name, arm, found, span) for arm, found in known.items()]

    def results(self, aims: Sequence[Aim] = AIMS) -> list[AimResult]:
        """Judge every aim on every set that it is about."""
        return [
            AimResult(aim, name, self.ratio(name, aim.arm, aim.baseline, aim.effort))
            for aim in aims
            for name in (self.sets if aim.set_name is None else [aim.set_name])
        ]

    def _summarised(self, set_name: str, arm: str, curves: Curves, span: tuple[float, float] | None) -> ArmSummary:
        points = self.of(set_name, arm)
        seconds = self.curves(set_name, arm, "human_seconds")
        assert seconds is not None  # It has the videos that ``curves`` has.
        ratios = {
            (effort, baseline): self.ratio(set_name, arm, baseline, effort)
            for effort in EFFORTS
            for baseline in self.baselines
            if baseline != arm
        }
        return ArmSummary(
            set_name=set_name,
            arm=arm,
            n_videos=len(curves.videos),
            n_seeds=len({p.seed for p in points}),
            final=final(curves, self.rng(), self.draws),
            final_all=self._last(set_name, arm, "jf_all"),
            good=self._last(set_name, arm, "good_share"),
            area=area(curves, span, self.rng(), self.draws) if span else None,
            human_frames=float(curves.pooled()[0][-1]),
            human_seconds=float(seconds.pooled()[0][-1]),
            reach={e: cost_to_reach(*c.pooled(), self.target) for e, c in zip(EFFORTS, (curves, seconds), strict=True)},
            ratios={key: ratio for key, ratio in ratios.items() if ratio is not None},
        )

    def _last(self, set_name: str, arm: str, quality: Quality) -> float | None:
        curves = self.curves(set_name, arm, "human_frames", quality)
        return None if curves is None else float(curves.pooled()[1][-1])


def curves_of(points: Sequence[CurvePoint], effort: Effort, quality: Quality) -> Curves | None:
    """Return records of one strategy as curves, a row per campaign and video.

    A video of which every frame is labelled has no quality on unlabelled frames: there its quality on all frames
    counts. A video without the figure in some round is left out; None where nothing is left.
    """
    ordered = sorted(points, key=lambda p: (p.campaign, p.seed, p.round))
    runs: dict[str, list[Run]] = defaultdict(list)
    unknown: set[str] = set()
    for (campaign, _), group in groupby(ordered, key=lambda p: (p.campaign, p.seed)):
        found = list(group)
        cost = [float(getattr(point, effort)) for point in found]
        for video in [v.video for v in found[0].videos]:
            name = video if campaign == video else f"{campaign}: {video}"
            values = [_quality(v, quality) for point in found for v in point.videos if v.video == video]
            if len(values) < len(found) or None in values:
                unknown.add(name)
            runs[name].append((cost, [v for v in values if v is not None]))
    kept = {name: found for name, found in runs.items() if name not in unknown}
    return Curves.of(kept) if kept else None


def _quality(video: VideoFigures, name: Quality) -> float | None:
    value: float | None = getattr(video, name)
    return video.jf_all if value is None and name in ("j", "f", "jf") else value
