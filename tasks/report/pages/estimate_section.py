"""What audits say of the delivered masks, as tiles and as a section."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from al_core.audit.audit_records import Grade
from tasks.auditing.round_estimates import RoundEstimates
from tasks.auditing.target_outlook import TargetOutlook
from tasks.languages.phrases import all_of, numeral, t
from tasks.report.content import Content
from tasks.report.estimate_words import in_words, newest, rests_on, scope_name, span_of, value_of, with_span
from tasks.report.figures.estimate_figure import estimates_by_round
from tasks.report.formatting import duration, score, score_with_span
from tasks.report.pages.document import Charts, Tile, render

COLUMNS = (
    ("good, judged", "good", Grade.JUDGED),
    ("good, measured", "good", Grade.MEASURED),
    ("J, measured", "j", Grade.MEASURED),
    ("J&F, measured", "jf", Grade.MEASURED),
    ("missed per 100 frames, judged", "missed", Grade.JUDGED),
)
"""Name, metric and grade of each column."""

MOST_SCOPES = 40


def good_tile(content: Content) -> Tile:
    """Return the tile that stands beside how many frames have masks: how many masks are good."""
    found = newest(content.estimates)
    good = None if found is None else found.best("good")
    if found is None or good is None:
        return t("Estimated good"), "–", _not_yet(content.estimates)
    return (
        t("Estimated good"),
        value_of(good),
        t(
            "of masks: {span}, {rests}, IoU {iou}, round {round}",
            span=span_of(good),
            rests=rests_on(good),
            iou=numeral(found.iou, "g"),
            round=found.round_id,
        ),
    )


def quality_tiles(content: Content) -> list[Tile]:
    """Return the tiles of what is estimated of J&F and of missed objects; empty before anybody answered."""
    found = newest(content.estimates)
    if found is None:
        return []
    told = (("J&F, estimated", found.of("jf", Grade.MEASURED)), ("Missed per 100 frames", found.best("missed")))
    at = t("round {round}", round=found.round_id)
    return [(t(name), value_of(f), f"{span_of(f)}, {rests_on(f)}, {at}") for name, f in told if f]


def estimates(content: Content, charts: Charts) -> Markup:
    """Render what is estimated of the newest round by video, category and provenance, and of all rounds."""
    found = newest(content.estimates)
    if found is None:
        return render("estimates.html", table=())
    scopes = list(dict.fromkeys(figure.scope for figure in found.figures))[:MOST_SCOPES]
    videos = {video.video_id: video.name for video in content.videos}
    table = [
        (
            scope_name(scope, videos, content.category_names),
            *(with_span(found.of(metric, grade, scope)) for _, metric, grade in COLUMNS),
        )
        for scope in scopes
    ]
    return render(
        "estimates.html",
        table=table,
        head=all_of(("of", *(name for name, _, _ in COLUMNS))),
        told=in_words(found),
        round_id=found.round_id,
        charts=charts,
        figure=estimates_by_round(content.estimates),
        target=content.target,
        scores=_scores(content.target),
    )


def target_tile(content: Content) -> list[Tile]:
    """Return the tile of when the target of quality will be met; empty where none is set or too little is known."""
    found = content.target
    if found is None or found.forecast is None:
        return []
    left = found.forecast.to_target
    if left.value == 0:
        least, wanted = score(found.points[-1].least), numeral(found.stopping.target_quality, "g")
        return [(t("Target"), t("met"), t("{least} is assured of {wanted}", least=least, wanted=wanted))]
    low, high = (duration(end) if math.isfinite(end) else t("never") for end in (left.low, left.high))
    value = duration(left.value) if math.isfinite(left.value) else t("not in sight")
    return [(t("Target in"), value, t("of labelling: {low} to {high}", low=low, high=high))]


def _scores(target: TargetOutlook | None) -> list[tuple[str, ...]]:
    """Return a row a forecast: what was expected of a round, what came, and whether it held."""
    found = target.scores if target is not None else ()
    return [
        (
            str(one.round_id),
            score_with_span(one.expected),
            score(one.came),
            t("held" if one.held else "missed"),
        )
        for one in found
    ]


def _not_yet(estimates: Sequence[RoundEstimates]) -> str:
    asked = next((each for each in reversed(estimates) if each.asked), None)
    if asked is None:
        return t("no audit yet")
    return t("{n} of {all} questions of the audit answered", n=asked.answered, all=asked.asked)
