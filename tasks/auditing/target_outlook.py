"""When the target of quality will be met, as the audits so far let expect, and how such forecasts fared."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from al_core.audit.audit_records import QualityEstimate
from al_core.campaign.audited import value_needed
from al_core.evaluation.target_forecast import (
    FEWEST,
    CurvePoint,
    ForecastScore,
    TargetForecast,
    forecast_scores,
    target_forecast,
)
from al_core.ledger.store import Ledger
from al_core.settings import Settings, StoppingSettings
from tasks.auditing.round_estimates import RoundEstimates, lower_bound
from tasks.languages.phrases import counted, numeral, t
from tasks.report.formatting import duration, many, percent, score

METRICS = {"good": "the share of good masks", "j": "J", "jf": "J&F"}
"""What a target may be of, in words."""


@dataclass(frozen=True, slots=True)
class TargetOutlook:
    """What is known of a target of quality.

    Attributes:
        points: of the rounds that were audited, in the grade of the newest.
        newest: the estimate of the last of them; None before any.
        forecast: None while too little is known.
        scores: of forecasts that can be held against what came.
        round_seconds: that a round's labels took on average.
    """

    stopping: StoppingSettings
    points: tuple[CurvePoint, ...]
    newest: QualityEstimate | None
    forecast: TargetForecast | None
    scores: tuple[ForecastScore, ...]
    round_seconds: float

    def in_words(self) -> str:
        """Return all of it, as people read it."""
        told = [
            t(
                "Target: {metric} of at least {quality}, assured with {confidence} confidence.",
                metric=t(METRICS[self.stopping.target_metric]),
                quality=numeral(self.stopping.target_quality, "g"),
                confidence=percent(self.stopping.target_confidence),
            )
        ]
        if self.newest is not None:
            last, figure = self.points[-1], self.newest
            told.append(
                t(
                    "The audit of round {round} assures {least} ({grade}, {value} on {answers}).",
                    **{"round": last.round_id, "least": score(last.least), "grade": t(figure.grade)},
                    **{"value": score(figure.value), "answers": many(figure.n, "answer")},
                )
            )
        told.append(self.when())
        if self.scores:
            held = sum(one.held for one in self.scores)
            one, some = (
                "Of {n} forecast of a round's estimate, {held} held.",
                "Of {n} forecasts of a round's estimate, {held} held.",
            )
            told.append(counted(len(self.scores), one, some, held=held))
        return " ".join(told)

    def when(self) -> str:
        """Say when the target will be met."""
        if self.forecast is None:
            return counted(
                len(self.points),
                "When it will be met is forecast from {fewest} audited rounds on; {n} round is known.",
                "When it will be met is forecast from {fewest} audited rounds on; {n} rounds are known.",
                fewest=FEWEST,
            )
        left, needed = self.forecast.to_target, self.forecast.needed
        if left.value == 0:
            return t("It is met.")
        rounds = left.value / self.round_seconds if self.round_seconds else math.inf
        more = t("not expected to be met as things go")
        if math.isfinite(left.value):
            more = t("expected to be met after about {time} more of labelling", time=duration(left.value))
            if math.isfinite(rounds):
                more += t(", in about {rounds}", rounds=many(max(1, round(rounds)), "round"))
        return t(
            "It is {more} (between {low} and {high} with 95 % confidence); an audit assures it from an estimate of "
            "about {needed} on.",
            more=more,
            low=_time(left.low),
            high=_time(left.high),
            needed=score(needed),
        )


def target_outlook(ledger: Ledger, settings: Settings, estimates: Sequence[RoundEstimates]) -> TargetOutlook | None:
    """Return what is known of the target of a campaign; None where none is set.

    Args:
        estimates: of all rounds that were audited, in order.
    """
    stopping = settings.stopping
    if not stopping.target_quality:
        return None
    spent: dict[int, float] = {round_id: seconds for round_id, _, seconds in ledger.human_effort(audits=False)}
    best = [(each.round_id, each.best(stopping.target_metric)) for each in estimates]
    known = [(round_id, figure) for round_id, figure in best if figure is not None]
    newest = known[-1][1] if known else None
    # What was judged and what was measured make no curve together.
    same = [(round_id, figure) for round_id, figure in known if newest and figure.grade is newest.grade]
    points = tuple(_point(round_id, figure, spent, stopping.target_confidence) for round_id, figure in same)
    needed = value_needed(settings, newest.population if newest else 0)
    forecast = target_forecast(points, stopping.target_quality, needed, np.random.default_rng(0)) if points else None
    scores = forecast_scores(points, np.random.default_rng(1))
    took = [seconds for round_id, seconds in spent.items() if round_id and seconds]
    return TargetOutlook(stopping, points, newest, forecast, tuple(scores), sum(took) / len(took) if took else 0.0)


def _point(round_id: int, figure: QualityEstimate, spent: Mapping[int, float], confidence: float) -> CurvePoint:
    """Return an estimate as a point of the curve; ``spent`` are the human seconds of each round."""
    seconds = sum(took for number, took in spent.items() if number <= round_id)
    value, low, high = (min(max(x, 0.0), 1.0) for x in (figure.value, figure.low, figure.high))
    return CurvePoint(round_id, seconds, value, low, high, lower_bound(figure, confidence))


def _time(seconds: float) -> str:
    return t("an unknown time") if math.isinf(seconds) else duration(seconds)
