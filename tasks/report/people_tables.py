"""The people who label: what is said of each, and a table of it for the terminal."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from al_core.evaluation.bootstrap import Estimate
from al_core.records import LabelKind
from tasks.languages.phrases import numeral, t
from tasks.project.annotator_stats import FITS, PersonRow
from tasks.report.formatting import duration, many, percent, score, score_with_span, share_told

COLUMNS = (
    "name",
    "role",
    "frames",
    "time",
    "drawn s",
    "accepted s",
    "empty s",
    "accepted",
    "would fit",
    "agreement J",
    "known J",
    "sent back",
    "reviews",
    "review s",
    "bad let pass",
    "good refused",
)
"""What is said of each person."""

_IN_WORDS = ("sent back", "reviews", "review s", "bad let pass", "good refused")


def legend() -> str:
    """Say what the columns mean."""
    return t(
        "Seconds are medians per frame. Accepted: frames whose masks were taken as they were shown. Would fit: frames"
        " whose masks were kept back, and that were drawn like them (J of at least {fits}); accepting much more than "
        "would fit is accepting too much. Agreement: J with another person's answer to the same request. Known: J "
        "with an earlier label of somebody else. Sent back: of the answers that somebody reviewed, those that came "
        "back or were corrected. Reviews: answers of others that this person looked at, with the median seconds of "
        "each. Bad let pass, good refused: of masks of audits that somebody drew from nothing and this person judged."
        " Intervals are of 95 %.",
        fits=numeral(FITS, "g"),
    )


def people_table(rows: Sequence[PersonRow]) -> Table:
    """Return the people for a terminal of 80 columns: the role below the name, no seconds of empty frames, and reviews
    in words below, as judgements are."""
    lines = Table(header_style="bold", box=SIMPLE_HEAD, show_edge=False, padding=0)
    lines.caption, lines.caption_justify = (
        " ".join([legend(), *_reviews_in_words(rows), *_judges_in_words(rows)]),
        "left",
    )
    figures = [name for name in COLUMNS if name not in ("name", "role", "empty s", *_IN_WORDS)]
    lines.add_column("name", overflow="fold")
    for name in figures:
        lines.add_column(name, justify="right", min_width=max(map(len, name.split())))
    for row in rows:
        known = dict(zip(COLUMNS, cells(row, spans=False), strict=True))
        lines.add_row(f"{known['name']}\n{known['role']}", *(known[name] for name in figures))
    return lines


def _reviews_in_words(rows: Sequence[PersonRow]) -> Iterator[str]:
    for row in rows:
        if row.reviewed:
            yield f"Of {row.name}, {row.returned} of {many(row.reviewed, 'reviewed answer')} came back."
        if row.reviews:
            each = "" if row.review_seconds is None else f", {row.review_seconds:.1f} s each"
            yield f"{row.name} reviewed {many(row.reviews, 'answer')}{each}."


def _judges_in_words(rows: Sequence[PersonRow]) -> Iterator[str]:
    for row in rows:
        if row.judge is not None:
            let_pass, refused = _shares(row)
            yield f"{row.name} let pass of bad masks {let_pass}, and refused of good ones {refused}."


def _shares(row: PersonRow) -> tuple[str, str]:
    """Return how many bad masks the person let pass, and how many good ones were refused, with intervals."""
    judge = row.judge
    if judge is None:
        return "–", "–"
    return share_told(judge.bad_accepted, judge.bad), share_told(judge.good_refused, judge.good)


def cells(row: PersonRow, spans: bool = True) -> tuple[str, ...]:
    """Return what is said of one person, in the order of ``COLUMNS``.

    Args:
        spans: say the intervals of what agrees.
    """
    kinds = (LabelKind.MASK, LabelKind.ACCEPT, LabelKind.ABSENT)
    return (
        row.name,
        t("{role}, revoked", role=t(str(row.role))) if row.revoked else t(str(row.role)),
        numeral(row.frames, ","),
        duration(row.human_seconds),
        *(numeral(row.seconds[kind], ".1f") if kind in row.seconds else "–" for kind in kinds),
        percent(row.accepted),
        percent(row.would_fit),
        _with_span(row.agreement_j, row.agreement_span if spans else None),
        _with_span(row.known_j, row.known_span if spans else None),
        t("{n} of {all}", n=row.returned, all=row.reviewed) if row.reviewed else "–",
        numeral(row.reviews, ","),
        "–" if row.review_seconds is None else numeral(row.review_seconds, ".1f"),
        *_shares(row),
    )


def _with_span(value: float | None, span: tuple[float, float] | None) -> str:
    return score(value) if value is None or span is None else score_with_span(Estimate(value, *span))
