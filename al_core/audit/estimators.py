"""Estimates of a delivery's quality from an audit sample: unbiased, with intervals, with and without confidence's help.

All units of a draw have the same inclusion probability, so the mean of a sample is the estimator of Horvitz and
Thompson ("A generalization of sampling without replacement from a finite universe", JASA 1952), by strata as they were
drawn. Of every mask the calibrated confidence is known. What it says is taken out of each answer and put back for the
whole delivery (the difference estimator of survey sampling; "prediction-powered": Angelopoulos et al., Science 2023).
How much of it is taken, each answer hears from the others only, drawn towards nothing where these are few; so the
estimate is unbiased whatever confidence is worth (Angelopoulos, Duchi, Zrnic: "PPI++", 2023, fit that on all).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from al_core.audit.audit_records import (
    AuditAnswer,
    AuditSample,
    Grade,
    Population,
    QualityEstimate,
    UnitKey,
)
from al_core.audit.mean_bounds import Array, mean_interval
from al_core.settings import Table

DOUBTFUL = 5.0
"""So many answers' weight has the belief that confidence says nothing."""

FEWEST_ASSISTED = 60
"""With fewer answers the interval is wider with the help of confidence: the worst that a mask could be weighs more."""

MOST_TAKEN = 1.5
"""At most this many times the confidence is taken out of an answer."""

PER_FRAMES = 100
"""Missed objects are told per so many frames."""


def _j(answer: AuditAnswer, _: float) -> float | None:
    return answer.j


def _f(answer: AuditAnswer, _: float) -> float | None:
    return answer.f


def _jf(answer: AuditAnswer, _: float) -> float | None:
    return None if answer.j is None or answer.f is None else (answer.j + answer.f) / 2


def _good(answer: AuditAnswer, iou: float) -> float | None:
    return float(answer.is_good(iou))


def _missed(answer: AuditAnswer, _: float) -> float | None:
    return None if answer.missed is None else float(answer.missed)


def _lacking(answer: AuditAnswer, _: float) -> float | None:
    return None if answer.missed is None else float(answer.missed > 0)


_Value = Callable[[AuditAnswer, float], float | None]
OF_MASKS: "Table[_Value]" = Table("metric of masks", {"j": _j, "f": _f, "jf": _jf, "good": _good})
OF_FRAMES: "Table[_Value]" = Table("metric of frames", {"missed": _missed, "lacking": _lacking})


class _Known(NamedTuple):
    """Answered units: position in the population int64 [n], figure float64 [n], and how many have no answer."""

    rows: NDArray[np.int64]
    figures: Array
    unanswered: int


def estimate(
    population: Population,
    samples: Sequence[AuditSample],
    answers: Mapping[UnitKey, AuditAnswer],
    metric: str,
    *,
    grade: Grade,
    iou: float = 0.75,
    among: NDArray[np.bool_] | None = None,
    scope: str = "all",
    assisted: bool = True,
) -> QualityEstimate | None:
    """Estimate a figure of a round's delivery, or of some of its masks or frames.

    Args:
        samples: all draws from this delivery that were answered.
        answers: by unit; of units that are drawn and not among them, the others are taken to speak too.
        metric: a key of ``OF_MASKS`` or ``OF_FRAMES``.
        grade: only answers of this grade; "j", "f" and "jf" are measured only.
        iou: from which a mask is good; what judges were asked about is in the sample.
        among: bool [masks] or [frames], the ones of the population that are meant; None for all.
        assisted: use confidence, where masks are concerned.

    Returns:
        None where no answer says anything of it.

    Raises:
        UnknownName: no such metric.
        BadAudit: a sample from another delivery.
    """
    of_frames = metric in OF_FRAMES
    size = population.n_frames if of_frames else len(population)
    chosen = np.ones(size, bool) if among is None else among
    known = _answered(population, samples, answers, metric, grade, iou, chosen)
    if not len(known.figures):
        return None
    rng = np.random.default_rng([len(known.figures), int(1000 * iou)])
    if of_frames or not assisted or len(known.figures) < FEWEST_ASSISTED:
        most = max(1.0, population.most_objects, known.figures.max()) if metric == "missed" else 1.0
        low, high = mean_interval(known.figures, 0.0, most, rng)
        middle, effective = float(known.figures.mean()), float(len(known.figures))
    else:
        confidence = population.confidence
        middle, low, high, effective = _assisted(known.figures, confidence[known.rows], confidence[chosen], rng)
    # The drawn ones are known: of a delivery that is drawn whole, nothing is left to estimate.
    unknown = max(1 - len(known.figures) / int(chosen.sum()), 0.0) ** 0.5
    low, high = middle - unknown * (middle - low), middle + unknown * (high - middle)
    scale = PER_FRAMES if metric == "missed" else 1.0
    return QualityEstimate(
        *(metric, scale * middle, scale * low, scale * high, grade),
        len(known.figures),
        effective,
        int(chosen.sum()),
        known.unanswered,
        scope,
    )


def _answered(
    population: Population,
    samples: Sequence[AuditSample],
    answers: Mapping[UnitKey, AuditAnswer],
    metric: str,
    grade: Grade,
    iou: float,
    chosen: NDArray[np.bool_],
) -> _Known:
    """Return what was said of the drawn units that are meant."""
    of_frames = metric in OF_FRAMES
    value = OF_FRAMES[metric] if of_frames else OF_MASKS[metric]
    units = [unit for sample in samples for unit in sample.of(grade, of_frames)]
    rows = population.rows_of(units)
    mine = [(row, unit.key) for row, unit in zip(rows.tolist(), units, strict=True) if chosen[row]]
    said = [(row, value(answers[key], iou)) for row, key in mine if key in answers]
    known = [(row, figure) for row, figure in said if figure is not None]
    at, figures = ([each[part] for each in known] for part in (0, 1))
    return _Known(np.array(at, np.int64), np.array(figures, float), len(mine) - len(known))


def _assisted(
    figures: Array, confidence: Array, everywhere: Array, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Return mean, its interval and the number of answers that it is worth, with the help of confidence.

    Args:
        figures, confidence: float64 [n], of the answers' masks, in [0, 1].
        everywhere: float64 [N], confidences of all masks that are meant.
    """
    away, reach = confidence - everywhere.mean(), everywhere - everywhere.mean()
    taken = taken_out(figures, away, float(everywhere.var()))
    rest = figures - taken * away
    most = float(taken.max())
    # A mask may be wholly wrong where confidence is highest, and perfect where it is lowest.
    least, largest = min(-most * float(reach.max()), 0.0), max(1 - most * float(reach.min()), 1.0)
    low, high = mean_interval(rest, min(least, rest.min()), max(largest, rest.max()), rng)
    spread = float(rest.var())
    worth = len(figures) * (float(figures.var()) / spread if spread > 0 else 1.0)
    middle = float(np.clip(rest.mean(), 0.0, 1.0))
    return middle, min(max(low, 0.0), middle), max(min(high, 1.0), middle), max(worth, float(len(figures)))


def taken_out(figures: Array, away: Array, variance: float) -> Array:
    """Return how much of each answer's confidence is taken out of it, float64 [n]: a slope fitted to the others.

    Args:
        figures: float64 [n].
        away: float64 [n], confidence less its mean over the delivery.
        variance: of confidence over the delivery.
    """
    n = len(figures)
    if n < 3 or variance <= 0:
        return np.zeros(n)
    others = n - 1
    mean = (figures.sum() - figures) / others
    together = (figures @ away - figures * away) - mean * (away.sum() - away)
    square = (away @ away - away**2) + DOUBTFUL * variance
    return np.asarray(np.clip(together / square, 0.0, MOST_TAKEN))


def estimates(
    population: Population,
    samples: Sequence[AuditSample],
    answers: Mapping[UnitKey, AuditAnswer],
    iou: float,
) -> list[QualityEstimate]:
    """Return all figures that the answers allow: of everything, and by video, category and provenance.

    Measured and judged ones stand side by side and are never put together.
    """
    found = []
    for grade in Grade:
        both: Sequence[tuple[Table[_Value], Mapping[str, NDArray[np.bool_]]]] = (
            (OF_MASKS, mask_domains(population)),
            (OF_FRAMES, frame_domains(population)),
        )
        for table, domains in both:
            for metric in table:
                for scope, among in domains.items():
                    one = estimate(population, samples, answers, metric, grade=grade, iou=iou, among=among, scope=scope)
                    found += [] if one is None else [one]
    return found


def mask_domains(population: Population) -> dict[str, NDArray[np.bool_]]:
    """Return which masks belong to each scope: "all", "video 3", "category 1", "provenance teacher"."""
    domains: dict[str, NDArray[np.bool_]] = {"all": np.ones(len(population), bool)}
    columns = (("video", population.video_id), ("category", population.category_id))
    for what, column in (*columns, ("provenance", population.provenance)):
        domains |= {f"{what} {value}": column == value for value in np.unique(column)}
    return domains


def frame_domains(population: Population) -> dict[str, NDArray[np.bool_]]:
    """Return which frames belong to each scope: "all", "video 3"."""
    videos = np.unique(population.frame_video)
    every: dict[str, NDArray[np.bool_]] = {"all": np.ones(population.n_frames, bool)}
    return every | {f"video {video}": population.frame_video == video for video in videos}
