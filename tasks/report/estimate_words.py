"""Estimates from audits as people read them: a figure, its interval, and whether it was measured or judged."""

from collections.abc import Mapping, Sequence

from al_core.audit.audit_records import Grade, QualityEstimate
from tasks.auditing.round_estimates import EVERYTHING, RoundEstimates
from tasks.report.formatting import many, percent, score
from tasks.report.round_rows import RoundRow

_SHARES = frozenset({"good", "lacking"})


def value_of(figure: QualityEstimate | None, value: float | None = None) -> str:
    """Write a figure (or an end of its interval) as its metric is read; a dash for None."""
    if figure is None:
        return "–"
    number = figure.value if value is None else value
    if figure.metric in _SHARES:
        return percent(number)
    return f"{number:.1f}" if figure.metric == "missed" else score(number)


def span_of(figure: QualityEstimate) -> str:
    """Write the interval: ``.71 to .93``."""
    return f"{value_of(figure, figure.low)} to {value_of(figure, figure.high)}"


def with_span(figure: QualityEstimate | None) -> str:
    """Write a figure with its interval: ``84.2 % (71 % to 93 %)``; a dash for None."""
    return "–" if figure is None else f"{value_of(figure)} ({span_of(figure)})"


def rests_on(figure: QualityEstimate) -> str:
    """Say what a figure rests on: ``judged on 60 masks``, ``measured on 8 masks drawn from nothing``."""
    if figure.grade is Grade.MEASURED:
        return f"measured on {many(figure.n, 'mask')} drawn from nothing"
    return f"judged on {many(figure.n, 'frame' if figure.metric in ('missed', 'lacking') else 'mask')}"


def newest(estimates: Sequence[RoundEstimates]) -> RoundEstimates | None:
    """Return the newest round of which something is estimated; None before."""
    return next((each for each in reversed(estimates) if each.figures), None)


def in_words(found: RoundEstimates) -> str:
    """Return what is estimated of a round as a sentence."""
    good = [figure for grade in (Grade.JUDGED, Grade.MEASURED) if (figure := found.of("good", grade)) is not None]
    parts = [f"{value_of(f)} of the masks are good ({span_of(f)}, {rests_on(f)})" for f in good]
    if (jf := found.of("jf", Grade.MEASURED)) is not None:
        parts.append(f"J&F {value_of(jf)} ({span_of(jf)}, {rests_on(jf)})")
    if (missed := found.best("missed")) is not None:
        parts.append(f"{value_of(missed)} objects missed per 100 frames ({span_of(missed)}, {rests_on(missed)})")
    return (
        f"Estimated of what round {found.round_id} delivered: {'; '.join(parts)}. Good means an IoU of at least "
        f"{found.iou:g}; intervals are of 95 %."
    )


def scope_name(scope: str, videos: Mapping[int, str], categories: Mapping[int, str]) -> str:
    """Return what a scope is called: "video dog" for "video 3"."""
    what, _, which = scope.partition(" ")
    names = {"video": videos, "category": categories}.get(what)
    if scope == EVERYTHING:
        return "everything"
    return scope if names is None else f"{what} {names.get(int(which), which)}"


def jf_of(row: RoundRow) -> str:
    """Write the J&F of a round: as truth measures it, else as an audit estimates it, marked by ≈."""
    estimated = None if row.estimated is None else row.estimated.of("jf", Grade.MEASURED)
    return score(row.jf) if row.jf is not None or estimated is None else f"≈ {with_span(estimated)}"
