"""The page's sections over rounds: each takes what was gathered and returns HTML."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from al_core.benchmark.curve_points import GOOD
from al_core.export.palette import PROVENANCE_COLOURS
from al_core.ledger.store import Step
from al_core.records import MADE, QualityRow
from tasks.languages.phrases import all_of, counted, heard, numeral, t
from tasks.models.page_refiner import refiner_of
from tasks.report.content import Content
from tasks.report.estimate_words import jf_of, with_span
from tasks.report.figures import round_figures
from tasks.report.formatting import duration, many, moment, percent, score
from tasks.report.pages import document
from tasks.report.pages.document import Charts, Tile, render
from tasks.report.pages.estimate_section import good_tile, quality_tiles, target_tile
from tasks.report.people_tables import COLUMNS, PersonRow, cells, legend
from tasks.report.round_rows import held_out_quality, quality_by_video
from tasks.steps.context import Trained

MAX_QUALITY_VIDEOS = 25
MAX_STEP_ROUNDS = 10
MAX_OPEN_STEPS = 30

_MEANING = {
    "human": "drawn or confirmed by a person",
    "propagated": "carried from a human mask to another frame",
    "accepted": "machine mask that passed an audit",
    "teacher": "predicted by the ensemble of mean teachers",
}
_ROUND_COLUMNS = (
    "round", "human frames", "human time", "has masks", "estimated good", "J&F", "AP50", "train", "predict", "other",
    "state",
)  # fmt: skip
_METRICS = {"jf": "J&F", "ap50": "AP50"}


@dataclass(frozen=True, slots=True)
class QualityTable:
    """How good the labels of each video are after a round.

    Attributes:
        n_videos: that were measured; the rows are of those with the lowest J&F where there are many.
    """

    round_id: int
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_videos: int


def header(content: Content) -> Markup:
    """Render the project in a few figures, and what the colours mean."""
    last = content.rounds[-1] if content.rounds else None
    state = f"{many(len(content.rounds), 'round')} · {last.state}" if last else t("no rounds yet")
    made = set(MADE).union(*(r.masks_by for r in content.rounds))
    legend = [(t(name), t(_MEANING[name]), colour) for name, colour in PROVENANCE_COLOURS.items() if name in made]
    return document.header(content.name, state, totals(content), legend)


def totals(content: Content) -> list[Tile]:
    """Return the tiles of the whole project."""
    return [*_labelled(content), *_measured(content), *_expected(content), _machine_time(content)]


def rounds(content: Content) -> Markup:
    """Render one line per round."""
    rows = [
        (
            str(r.round_id),
            numeral(r.human_frames, ","),
            duration(r.human_seconds),
            percent(r.coverage),
            with_span(r.estimated.best("good")) if r.estimated else "–",
            jf_of(r),
            score(r.ap50),
            t("not trained") if r.kept else duration(r.seconds_train),
            duration(r.seconds_predict),
            duration(r.seconds_other),
            r.state,
        )
        for r in content.rounds
    ]
    return render("rounds.html", head=all_of(_ROUND_COLUMNS), rows=rows)


def labels(content: Content, charts: Charts) -> Markup:
    """Render how much is labelled, and by whom."""
    return render("labels.html", content=content, charts=charts)


def quality(content: Content, charts: Charts) -> Markup:
    """Render quality against human effort, and per video."""
    if not content.quality:
        return render("quality.html", content=content)
    names = {v.video_id: v.name for v in content.videos}
    curves = [
        (
            t(f"{{metric}} over human {effort}", metric=title),
            round_figures.quality(content.quality, content.rounds, names, metric, against),
        )
        for metric, title in _METRICS.items()
        if any(q.metric == metric for q in content.quality)
        for against, effort in (("frames", "frames"), ("minutes", "time"))
    ]
    table = quality_table(content.quality, names)
    return render(
        "quality.html", content=content, charts=charts, curves=curves, forecast=_forecast(content), table=table
    )


def quality_table(figures: Sequence[QualityRow], names: Mapping[int, str]) -> QualityTable:
    """Return the figures of each video after the newest round that was measured.

    Args:
        figures: quality of all rounds; at least one.
        names: of the videos, by id.
    """
    newest = max(q.round_id for q in figures)
    mine = [q for q in figures if q.round_id == newest and q.track_id is None]
    found = {(q.video_id, q.provenance, q.metric): q for q in mine}
    provenances = [name for name in PROVENANCE_COLOURS if any(q.provenance == name for q in mine)]
    columns = [("all", metric) for metric in ("j", "f", "jf", "ap50")] + [(name, "jf") for name in provenances]
    n_frames = {q.video_id: q.n_frames for q in mine if q.provenance == "all"}
    videos = sorted({q.video_id for q in mine})
    if len(videos) > MAX_QUALITY_VIDEOS:
        overall = quality_by_video(mine, "jf")
        videos.sort(key=lambda video_id: overall.get(video_id, 2.0))

    def cell(video_id: int, provenance: str, metric: str) -> str:
        figure = found.get((video_id, provenance, metric))
        return score(figure.value if figure else None)

    rows = tuple(
        (
            names.get(video_id, str(video_id)),
            numeral(n_frames.get(video_id, 0), ","),
            *(cell(video_id, *c) for c in columns),
        )
        for video_id in videos[:MAX_QUALITY_VIDEOS]
    )
    head = (
        *all_of(("video", "frames measured", "J", "F", "J&F", "AP50")),
        *(f"J&F, {t(name)}" for name in provenances),
    )
    return QualityTable(newest, head, rows, len(videos))


def training(steps: Sequence[Step], curves: Mapping[int, Sequence[tuple[int, float, float]]], charts: Charts) -> Markup:
    """Render the loss of each round's student, what the machine spent its time on, and what the page's refiner is
    worth."""
    kept = [
        t("Round {round}: {what}.", round=s.round_id, what=heard(s.result["kept"]))
        for s in steps
        if s.name == "train" and s.result.get("kept")
    ]
    told = refiner_of(steps).in_words()
    trained = {s.round_id: Trained.from_json(s.result) for s in steps if s.name == "train" and s.status == "finished"}
    mixed = {number: one for number, one in trained.items() if one.unlabelled and not one.kept}
    notes = [
        t("Round {round}: trained on {frames}.", round=number, frames=heard(one.learned_from()))
        for number, one in mixed.items()
    ]
    parts = (max(mixed), mixed[max(mixed)].losses) if mixed else None
    return render(
        "training.html",
        steps=steps,
        curves=curves,
        charts=charts,
        refiner=heard(told),
        notes=[*kept, *notes],
        parts=parts,
    )


def steps(content: Content) -> Markup:
    """Render every step with its state and attempts."""
    numbers = sorted({s.round_id for s in content.steps})
    kept = numbers[-MAX_STEP_ROUNDS:]
    rows = [
        (
            str(s.round_id),
            t(s.name),
            t(s.status if s.status == "finished" else "not finished"),
            str(s.attempts),
            duration(s.seconds if s.status == "finished" else None),
            moment(s.started_at),
        )
        for s in content.steps
        if s.round_id in kept
    ]
    thinned = f"The newest {len(kept)} of {len(numbers):,} rounds. " if len(kept) < len(numbers) else ""
    return render("steps.html", rows=rows, thinned=thinned, opened=len(rows) <= MAX_OPEN_STEPS)


def people(rows: Sequence[PersonRow]) -> Markup:
    """Render one line per person who labels on our page."""
    return render("people.html", columns=all_of(COLUMNS), rows=[cells(row) for row in rows], legend=legend())


def _labelled(content: Content) -> list[Tile]:
    last = content.rounds[-1] if content.rounds else None
    n_frames = sum(v.n_frames for v in content.videos)
    human, seconds = (last.human_frames, last.human_seconds) if last else (0, 0.0)
    imported = last.imported if last else 0
    timed = human - imported
    per_frame = t("{time} a frame", time=duration(seconds / timed)) if timed else t("nothing labelled yet")
    if imported:
        per_frame = per_frame if timed else t("nothing labelled here yet")
        per_frame = f"{per_frame}; {t('unknown for {n} imported', n=numeral(imported, ','))}"
    delivered = next((r for r in reversed(content.rounds) if r.covered is not None), None)
    n_covered = delivered.covered if delivered else None
    covered = t("nothing delivered yet")
    if n_covered is not None:
        covered = t("{n} of {frames}, right or wrong", n=numeral(n_covered, ","), frames=many(n_frames, "frame"))
    share = t("{share} of all", share=percent(human / n_frames if n_frames else 0))
    brought = f", {t('{n} imported', n=numeral(imported, ','))}" if imported else ""
    return [
        (t("Videos"), numeral(len(content.videos), ","), many(n_frames, "frame")),
        (t("Labelled by people"), many(human, "frame"), f"{share}{brought}"),
        (t("Human time"), duration(seconds), per_frame),
        (t("Has masks"), percent(n_covered / n_frames if n_covered is not None and n_frames else None), covered),
        good_tile(content),
    ]


def _measured(content: Content) -> list[Tile]:
    held_out = held_out_quality(content.holdout)
    estimated = quality_tiles(content)
    tiles = _by_truth(content) if content.quality or (held_out is None and not estimated) else []
    tiles += estimated
    if held_out is not None:
        where = counted(
            held_out.n_frames,
            "on {n} held-out human frame, round {round}",
            "on {n} held-out human frames, round {round}",
            round=held_out.round_id,
        )
        tiles.append((t("J&F, held out"), score(held_out.jf), where))
    return tiles


def _by_truth(content: Content) -> list[Tile]:
    newest = next((r for r in reversed(content.rounds) if r.jf is not None), None)
    if newest is None:
        return [(name, score(None), t("nothing measured")) for name in _METRICS.values()]
    mine = [q for q in content.quality if q.round_id == newest.round_id]
    return [
        (
            name,
            score(value),
            counted(
                len(quality_by_video(mine, metric)),
                "mean of {n} video, round {round}",
                "mean of {n} videos, round {round}",
                round=newest.round_id,
            ),
        )
        for (metric, name), value in zip(_METRICS.items(), (newest.jf, newest.ap50), strict=True)
    ]


def _expected(content: Content) -> list[Tile]:
    tiles = []
    proof = content.proof
    if proof is not None and (found := proof.gain) is not None:
        low, high = numeral(found.low, ".2f"), numeral(found.high, ".2f")
        span = t("{low} to {high} times as much as at random", low=low, high=high)
        tiles.append((t("Worth of a human second"), f"{numeral(found.value, '.2f')} ×", span))
    elif proof is not None and proof.n_random:
        tiles.append((t("Worth of a human second"), score(None), proof.in_words()))
    if content.forecast is not None:
        gain = content.forecast.gain
        low, high = numeral(gain.low, "+.3f"), numeral(gain.high, "+.3f")
        span = t("J&F, {low} to {high}", low=low, high=high)
        tiles.append((t("Next hour brings"), numeral(gain.value, "+.3f"), span))
    return tiles + target_tile(content)


def _machine_time(content: Content) -> Tile:
    parts = {
        "train": sum(r.seconds_train or 0.0 for r in content.rounds),
        "predict": sum(r.seconds_predict or 0.0 for r in content.rounds),
        "other": sum(r.seconds_other for r in content.rounds),
    }
    told = ", ".join(f"{t(name)} {duration(seconds)}" for name, seconds in parts.items())
    return t("Machine time"), duration(sum(parts.values())), told


def _forecast(content: Content) -> str:
    """Say what the next hour of labelling is expected to bring."""
    found = content.forecast
    if found is None or found.to_target is None:
        return ""
    left, gain, later = found.to_target, found.gain, found.later
    told = t(
        "J&F is {now} now. A power law through the rounds so far expects the next hour of labelling to add {gain} "
        "(between {gain_low} and {gain_high}), which makes about {later} (between {later_low} and {later_high}).",
        now=score(found.now),
        **{"gain": score(gain.value), "gain_low": score(gain.low), "gain_high": score(gain.high)},
        **{"later": score(later.value), "later_low": score(later.low), "later_high": score(later.high)},
    )
    good = numeral(GOOD, "g")
    reached = t("J&F {good}: reached already.", good=good)
    if left.value:
        times = {"time": _forever(left.value), "low": _forever(left.low), "high": _forever(left.high)}
        reached = t("J&F {good}: after {time} more, between {low} and {high}.", good=good, **times)
    rests = t("The intervals (95 %) are of other videos like these and of how far the rounds lie from that law.")
    return f"{told} {reached} {rests}"


def _forever(seconds: float) -> str:
    return t("an unknown time") if math.isinf(seconds) else duration(seconds)
