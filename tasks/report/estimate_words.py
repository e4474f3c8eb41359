"""Estimates from audits as people read them: a figure, its interval, and whether it was measured or judged."""

from collections.abc import Mapping, Sequence

from al_core.audit.audit_records import Grade, QualityEstimate
from tasks.auditing.round_estimates import EVERYTHING, RoundEstimates
from tasks.languages.phrases import counted, numeral, t
from tasks.report.formatting import percent, score
from tasks.report.round_rows import RoundRow

_SHARES = frozenset({"good", "lacking"})


def value_of(figure: QualityEstimate | None, value: float | None = None) -> str:
    """Write a figure (or an end of its interval) as its metric is read; a dash for None."""
    if figure is None:
        return "–"
    number = figure.value if value is None else value
    if figure.metric in _SHARES:
        return percent(number)
    return numeral(number, ".1f") if figure.metric == "missed" else score(number)


def span_of(figure: QualityEstimate) -> str:
    """Write the interval: ``.71 to .93``."""
    return t("{low} to {high}", low=value_of(figure, figure.low), high=value_of(figure, figure.high))


def with_span(figure: QualityEstimate | None) -> str:
    """Write a figure with its interval: ``84.2 % (71 % to 93 %)``; a dash for None."""
    return "–" if figure is None else f"{value_of(figure)} ({span_of(figure)})"


def rests_on(figure: QualityEstimate) -> str:
    """Say what a figure rests on: ``judged on 60 masks``, ``measured on 8 masks drawn from nothing``."""
    n = figure.n
    if figure.grade is Grade.MEASURED:
        return counted(n, "measured on {n} mask drawn from nothing", "measured on {n} masks drawn from nothing")
    if figure.metric in ("missed", "lacking"):
        return counted(n, "judged on {n} frame", "judged on {n} frames")
    return counted(n, "judged on {n} mask", "judged on {n} masks")


def newest(estimates: Sequence[RoundEstimates]) -> RoundEstimates | None:
    """Return the newest round of which something is estimated; None before."""
    return next((each for each in reversed(estimates) if each.figures), None)


def in_words(found: RoundEstimates) -> str:
    """Return what is estimated of a round as a sentence."""
    good, jf = "{value} of the masks are good ({span}, {rests})", "J&F {value} ({span}, {rests})"
    told = [(good, found.of("good", Grade.JUDGED)), (good, found.of("good", Grade.MEASURED))]
    told += [(jf, found.of("jf", Grade.MEASURED))]
    told += [("{value} objects missed per 100 frames ({span}, {rests})", found.best("missed"))]
    parts = [t(text, value=value_of(f), span=span_of(f), rests=rests_on(f)) for text, f in told if f is not None]
    return t(
        "Estimated of what round {round} delivered: {parts}. Good means an IoU of at least {iou}; intervals are of "
        "95 %.",
        round=found.round_id,
        parts="; ".join(parts),
        iou=numeral(found.iou, "g"),
    )


def scope_name(scope: str, videos: Mapping[int, str], categories: Mapping[int, str]) -> str:
    """Return what a scope is called: "video dog" for "video 3"."""
    what, _, which = scope.partition(" ")
    names = {"video": videos, "category": categories}.get(what)
    if scope == EVERYTHING:
        return t("everything")
    return f"{t(what)} {t(which) if names is None else names.get(int(which), which)}"


def jf_of(row: RoundRow) -> str:
    """Write the J&F of a round: as truth measures it, else as an audit estimates it, marked by ≈."""
    estimated = None if row.estimated is None else row.estimated.of("jf", Grade.MEASURED)
    return score(row.jf) if row.jf is not None or estimated is None else f"≈ {with_span(estimated)}"
