"""The page's sections over rounds: each takes what was gathered and returns HTML."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from al_core.benchmark.curve_points import GOOD
from al_core.export.palette import PROVENANCE_COLOURS
from al_core.ledger.store import Step
from al_core.records import MADE, QualityRow
from tasks.models.page_refiner import refiner_of
from tasks.report.content import Content
from tasks.report.estimate_words import jf_of, with_span
from tasks.report.figures import round_figures
from tasks.report.formatting import duration, many, percent, score
from tasks.report.pages import document
from tasks.report.pages.document import Charts, Tile, render
from tasks.report.pages.estimate_section import good_tile, quality_tiles, target_tile
from tasks.report.people_tables import COLUMNS, LEGEND, PersonRow, cells
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
    state = f"{many(len(content.rounds), 'round')} · {last.state}" if last else "no rounds yet"
    made = set(MADE).union(*(r.masks_by for r in content.rounds))
    legend = [(name, _MEANING[name], colour) for name, colour in PROVENANCE_COLOURS.items() if name in made]
    return document.header(content.name, state, totals(content), legend)


def totals(content: Content) -> list[Tile]:
    """Return the tiles of the whole project."""
    return [*_labelled(content), *_measured(content), *_expected(content), _machine_time(content)]


def rounds(content: Content) -> Markup:
    """Render one line per round."""
    rows = [
        (
            str(r.round_id),
            f"{r.human_frames:,}",
            duration(r.human_seconds),
            percent(r.coverage),
            with_span(r.estimated.best("good")) if r.estimated else "–",
            jf_of(r),
            score(r.ap50),
            "not trained" if r.kept else duration(r.seconds_train),
            duration(r.seconds_predict),
            duration(r.seconds_other),
            r.state,
        )
        for r in content.rounds
    ]
    return render("rounds.html", head=_ROUND_COLUMNS, rows=rows)


def labels(content: Content, charts: Charts) -> Markup:
    """Render how much is labelled, and by whom."""
    return render("labels.html", content=content, charts=charts)


def quality(content: Content, charts: Charts) -> Markup:
    """Render quality against human effort, and per video."""
    if not content.quality:
        return render("quality.html", content=content)
    names = {v.video_id: v.name for v in content.videos}
    curves = [
        (f"{title} over human {effort}", round_figures.quality(content.quality, content.rounds, names, metric, against))
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
        (names.get(video_id, str(video_id)), f"{n_frames.get(video_id, 0):,}", *(cell(video_id, *c) for c in columns))
        for video_id in videos[:MAX_QUALITY_VIDEOS]
    )
    head = ("video", "frames measured", "J", "F", "J&F", "AP50", *(f"J&F, {name}" for name in provenances))
    return QualityTable(newest, head, rows, len(videos))


def training(steps: Sequence[Step], curves: Mapping[int, Sequence[tuple[int, float, float]]], charts: Charts) -> Markup:
    """Render the loss of each round's student, what the machine spent its time on, and what the page's refiner is
    worth."""
    kept = [f"Round {s.round_id}: {s.result['kept']}." for s in steps if s.name == "train" and s.result.get("kept")]
    told = refiner_of(steps).in_words()
    trained = {s.round_id: Trained.from_json(s.result) for s in steps if s.name == "train" and s.status == "finished"}
    mixed = {number: one for number, one in trained.items() if one.unlabelled and not one.kept}
    notes = [f"Round {number}: trained on {one.learned_from()}." for number, one in mixed.items()]
    parts = (max(mixed), mixed[max(mixed)].losses) if mixed else None
    return render(
        "training.html", steps=steps, curves=curves, charts=charts, refiner=told, notes=[*kept, *notes], parts=parts
    )


def steps(content: Content) -> Markup:
    """Render every step with its state and attempts."""
    numbers = sorted({s.round_id for s in content.steps})
    kept = numbers[-MAX_STEP_ROUNDS:]
    rows = [
        (
            str(s.round_id),
            s.name,
            s.status if s.status == "finished" else "not finished",
            str(s.attempts),
            duration(s.seconds if s.status == "finished" else None),
            f"{s.started_at:%Y-%m-%d %H:%M:%S}",
        )
        for s in content.steps
        if s.round_id in kept
    ]
    thinned = f"The newest {len(kept)} of {len(numbers):,} rounds. " if len(kept) < len(numbers) else ""
    return render("steps.html", rows=rows, thinned=thinned, opened=len(rows) <= MAX_OPEN_STEPS)


def people(rows: Sequence[PersonRow]) -> Markup:
    """Render one line per person who labels on our page."""
    return render("people.html", columns=COLUMNS, rows=[cells(row) for row in rows], legend=LEGEND)


def _labelled(content: Content) -> list[Tile]:
    last = content.rounds[-1] if content.rounds else None
    n_frames = sum(v.n_frames for v in content.videos)
    human, seconds = (last.human_frames, last.human_seconds) if last else (0, 0.0)
    imported = last.imported if last else 0
    timed = human - imported
    per_frame = f"{duration(seconds / timed)} a frame" if timed else "nothing labelled yet"
    if imported:
        per_frame = f"{per_frame if timed else 'nothing labelled here yet'}; unknown for {imported:,} imported"
    delivered = next((r for r in reversed(content.rounds) if r.covered is not None), None)
    n_covered = delivered.covered if delivered else None
    covered = (
        "nothing delivered yet" if n_covered is None else f"{n_covered:,} of {many(n_frames, 'frame')}, right or wrong"
    )
    return [
        ("Videos", f"{len(content.videos):,}", many(n_frames, "frame")),
        (
            "Labelled by people",
            many(human, "frame"),
            f"{percent(human / n_frames if n_frames else 0)} of all" + (f", {imported:,} imported" if imported else ""),
        ),
        ("Human time", duration(seconds), per_frame),
        ("Has masks", percent(n_covered / n_frames if n_covered is not None and n_frames else None), covered),
        good_tile(content),
    ]


def _measured(content: Content) -> list[Tile]:
    held_out = held_out_quality(content.holdout)
    estimated = quality_tiles(content)
    tiles = _by_truth(content) if content.quality or (held_out is None and not estimated) else []
    tiles += estimated
    if held_out is not None:
        where = f"on {many(held_out.n_frames, 'held-out human frame')}, round {held_out.round_id}"
        tiles.append(("J&F, held out", score(held_out.jf), where))
    return tiles


def _by_truth(content: Content) -> list[Tile]:
    newest = next((r for r in reversed(content.rounds) if r.jf is not None), None)
    if newest is None:
        return [(name, score(None), "nothing measured") for name in _METRICS.values()]
    mine = [q for q in content.quality if q.round_id == newest.round_id]
    return [
        (name, score(value), f"mean of {many(len(quality_by_video(mine, metric)), 'video')}, round {newest.round_id}")
        for (metric, name), value in zip(_METRICS.items(), (newest.jf, newest.ap50), strict=True)
    ]


def _expected(content: Content) -> list[Tile]:
    tiles = []
    proof = content.proof
    if proof is not None and (found := proof.gain) is not None:
        span = f"{found.low:.2f} to {found.high:.2f} times as much as at random"
        tiles.append(("Worth of a human second", f"{found.value:.2f} ×", span))
    elif proof is not None and proof.n_random:
        tiles.append(("Worth of a human second", score(None), proof.in_words()))
    if content.forecast is not None:
        gain = content.forecast.gain
        tiles.append(("Next hour brings", f"{gain.value:+.3f}", f"J&F, {gain.low:+.3f} to {gain.high:+.3f}"))
    return tiles + target_tile(content)


def _machine_time(content: Content) -> Tile:
    parts = {
        "train": sum(r.seconds_train or 0.0 for r in content.rounds),
        "predict": sum(r.seconds_predict or 0.0 for r in content.rounds),
        "other": sum(r.seconds_other for r in content.rounds),
    }
    told = ", ".join(f"{name} {duration(seconds)}" for name, seconds in parts.items())
    return "Machine time", duration(sum(parts.values())), told


def _forecast(content: Content) -> str:
    """Say what the next hour of labelling is expected to bring."""
    found = content.forecast
    if found is None or found.to_target is None:
        return ""
    left = found.to_target
    reached = "reached already" if left.value == 0 else f"after {_forever(left.value)} more"
    span = "" if left.value == 0 else f", between {_forever(left.low)} and {_forever(left.high)}"
    return (
        f"J&F is {score(found.now)} now. A power law through the rounds so far expects the next hour of labelling to "
        f"add {found.gain.value:.3f} (between {found.gain.low:.3f} and {found.gain.high:.3f}), which makes about "
        f"{score(found.later.value)} (between {score(found.later.low)} and {score(found.later.high)}). J&F {GOOD:g}: "
        f"{reached}{span}. The intervals (95 %) are of other videos like these and of how far the rounds lie from "
        "that law."
    )


def _forever(seconds: float) -> str:
    return "an unknown time" if math.isinf(seconds) else duration(seconds)
