"""The page's sections over rounds: each takes what was gathered and returns HTML."""

import math
from collections.abc import Mapping
from html import escape

from al_core.benchmark.curve_points import GOOD
from al_core.export.palette import PROVENANCE_COLOURS
from al_core.records import whole_video
from tasks.report.content import Content
from tasks.report.figures import round_figures
from tasks.report.formatting import duration, many, percent, score
from tasks.report.pages.html import Charts, empty, note, swatch, table
from tasks.report.round_rows import RoundRow

MAX_QUALITY_VIDEOS = 25
MAX_STEP_ROUNDS = 10
MAX_OPEN_STEPS = 30

_MEANING = {
    "human": "drawn or confirmed by a person",
    "propagated": "carried from a human mask to another frame",
    "accepted": "machine mask that passed an audit",
    "teacher": "predicted by the ensemble of mean teachers",
}


def header(content: Content) -> str:
    """The project in a few figures, and what the colours mean."""
    last = content.rounds[-1] if content.rounds else None
    state = f"{many(len(content.rounds), 'round')} · {last.state}" if last else "no rounds yet"
    tiles = "".join(
        f'<dl class="tile"><dt>{escape(name)}</dt><dd>{escape(value)}</dd><dd>{escape(more)}</dd></dl>'
        for name, value, more in totals(content)
    )
    legend = "".join(
        f"<li>{swatch(colour)}<span><b>{name}</b> {_MEANING[name]}</span></li>"
        for name, colour in PROVENANCE_COLOURS.items()
    )
    return (
        f'<h1>{escape(content.name)}</h1><p class="lead">{escape(state)}</p>'
        f'<div class="tiles">{tiles}</div><ul class="legend">{legend}</ul>'
    )


def totals(content: Content) -> list[tuple[str, str, str]]:
    """(name, figure, what else there is to say) of the whole project."""
    last = content.rounds[-1] if content.rounds else None
    n_frames = sum(v.n_frames for v in content.videos)
    human = last.human_frames if last else 0
    share = percent(human / n_frames if n_frames else 0)
    tiles = [
        ("Videos", f"{len(content.videos):,}", many(n_frames, "frame")),
        ("Labelled by people", many(human, "frame"), f"{share} of all"),
        ("Human time", duration(last.human_seconds if last else 0), _per_frame(last)),
    ]
    delivered = next((r for r in reversed(content.rounds) if r.covered is not None), None)
    if delivered:
        covered = f"{delivered.covered:,} of {many(delivered.n_frames, 'frame')}"
        tiles.append(("Labelled in all", percent(delivered.coverage), covered))
    else:
        tiles.append(("Labelled in all", "–", "nothing delivered yet"))
    measured = next((r for r in reversed(content.rounds) if r.jf is not None), None)
    for name, metric in (("J&F", "jf"), ("AP50", "ap50")):
        value = getattr(measured, metric) if measured else None
        more = _mean_of(content, measured.round_id, metric) if measured else "nothing measured"
        tiles.append((name, score(value), more))
    parts = {
        "train": sum(r.seconds_train or 0.0 for r in content.rounds),
        "predict": sum(r.seconds_predict or 0.0 for r in content.rounds),
        "other": sum(r.seconds_other for r in content.rounds),
    }
    told = ", ".join(f"{name} {duration(seconds)}" for name, seconds in parts.items())
    if content.gain is not None:
        span = f"{content.gain.low:.2f} to {content.gain.high:.2f} times as much as at random"
        tiles.append(("Worth of a human second", f"{content.gain.value:.2f} ×", span))
    if content.forecast is not None:
        gain = content.forecast.gain
        tiles.append(("Next hour brings", f"{gain.value:+.3f}", f"J&F, {gain.low:+.3f} to {gain.high:+.3f}"))
    return [*tiles, ("Machine time", duration(sum(parts.values())), told)]


def rounds(content: Content) -> str:
    """One line per round."""
    if not content.rounds:
        return empty("No round has begun. The first one chooses the frames that people should see.")
    head = [
        "round",
        "human frames",
        "human time",
        "coverage",
        "J&F",
        "AP50",
        "train",
        "predict",
        "other",
        "state",
    ]
    rows = [
        [
            str(r.round_id),
            f"{r.human_frames:,}",
            duration(r.human_seconds),
            percent(r.coverage),
            score(r.jf),
            score(r.ap50),
            _time(r.seconds_train),
            _time(r.seconds_predict),
            duration(r.seconds_other),
            r.state,
        ]
        for r in content.rounds
    ]
    explained = (
        "Human frames and human time are sums up to and including the round. J&F and AP50 are means over "
        "videos, of all delivered masks, on frames that no person labelled."
    )
    return note(explained) + table(head, rows, wide=[len(head) - 1])


def labels(content: Content, charts: Charts) -> str:
    """How much is labelled, and by whom."""
    if content.delivered_round is None:
        return empty("No masks are delivered yet; a round delivers them once its labels are in.")
    by_frame = charts.card(
        round_figures.frame_coverage(content.rounds),
        "Frames",
        "Each frame counts once, under the least founded of its masks. A frame without a label is one that "
        "no person saw and where the machine found nothing.",
    )
    by_mask = charts.card(round_figures.mask_coverage(content.rounds), "Masks", "One mask is one object in one frame.")
    more = ""
    if sum(r.delivered_at is not None for r in content.rounds) > 1:
        more += charts.card(round_figures.coverage_over_time(content.rounds), "Frames over time")
    if len({name for name, _, _ in content.categories}) > 1:
        title = f"Masks by category after round {content.delivered_round}"
        more += charts.card(round_figures.category_coverage(content.categories), title)
    return f'<div class="charts">{by_frame}{by_mask}{more}</div>'


def quality(content: Content, charts: Charts) -> str:
    """Quality against human effort, and per video."""
    if not content.quality:
        return empty(
            "Nothing is measured: no video has ground truth held back from the loop, or no round has come to "
            "its audit yet."
        )
    names = {v.video_id: v.name for v in content.videos}
    grid = "".join(
        charts.card(
            round_figures.quality(content.quality, content.rounds, names, metric, against),
            f"{title} over human {effort}",
        )
        for metric, title in (("jf", "J&F"), ("ap50", "AP50"))
        if any(q.metric == metric for q in content.quality)
        for against, effort in (("frames", "frames"), ("minutes", "time"))
    )
    explained = (
        "Against ground truth that the loop has not seen, only on frames that no person labelled. “All "
        "masks” is what a user gets, missing masks included; the dotted lines are over the masks of one "
        "provenance. J&F is the mean of region overlap and boundary agreement as DAVIS defines them; AP50 "
        "counts an object as found when its mask overlaps the true one by half."
    )
    return f'{note(explained)}<div class="charts">{grid}</div>{_forecast(content)}{_quality_table(content, names)}'


def training(content: Content, charts: Charts) -> str:
    """The loss of each round's student, and what the machine spent its time on."""
    if not content.steps:
        return empty("No student has been trained yet.")
    loss = charts.card(round_figures.training(content.curves), "Loss of the student") if content.curves else ""
    time = charts.card(round_figures.durations(content.steps), "Time by step")
    return f'<div class="charts">{loss}{time}</div>'


def steps(content: Content) -> str:
    """Every step with its state and attempts."""
    if not content.steps:
        return empty("No step has begun yet.")
    numbers = sorted({s.round_id for s in content.steps})
    kept = set(numbers[-MAX_STEP_ROUNDS:])
    rows = [
        [
            str(s.round_id),
            s.name,
            s.status if s.status == "finished" else "not finished",
            str(s.attempts),
            _time(s.seconds if s.status == "finished" else None),
            f"{s.started_at:%Y-%m-%d %H:%M:%S}",
        ]
        for s in content.steps
        if s.round_id in kept
    ]
    thinned = f"The newest {len(kept)} of {len(numbers):,} rounds. " if len(kept) < len(numbers) else ""
    explained = "A second attempt means that a run was stopped within the step and taken up again."
    listed = table(["round", "step", "state", "attempts", "time", "started (UTC)"], rows, text=[1, 2])
    opened = " open" if len(rows) <= MAX_OPEN_STEPS else ""
    return f"<details{opened}><summary>{many(len(rows), 'step')}</summary>{note(thinned + explained)}{listed}</details>"


def _forecast(content: Content) -> str:
    """What the next hour of labelling is expected to bring."""
    found = content.forecast
    if found is None or found.to_target is None:
        return ""
    left = found.to_target
    reached = "reached already" if left.value == 0 else f"after {_forever(left.value)} more"
    span = "" if left.value == 0 else f", between {_forever(left.low)} and {_forever(left.high)}"
    text = (
        f"J&F is {score(found.now)} now. A power law through the rounds so far expects the next hour of labelling to "
        f"add {found.gain.value:.3f} (between {found.gain.low:.3f} and {found.gain.high:.3f}), which makes about "
        f"{score(found.later.value)} (between {score(found.later.low)} and {score(found.later.high)}). J&F {GOOD:g}: "
        f"{reached}{span}. The intervals (95 %) are of other videos like these and of how far the rounds lie from "
        "the law."
    )
    return f"<h4>Forecast</h4>{note(text)}"


def _forever(seconds: float) -> str:
    return "an unknown time" if math.isinf(seconds) else duration(seconds)


def _quality_table(content: Content, names: Mapping[int, str]) -> str:
    newest = max(q.round_id for q in content.quality)
    mine = [q for q in content.quality if q.round_id == newest and q.track_id is None]
    figure_of = {(q.video_id, q.provenance, q.metric): q for q in mine}
    provenances = [name for name in PROVENANCE_COLOURS if any(q.provenance == name for q in mine)]
    videos = sorted({q.video_id for q in mine})
    if len(videos) > MAX_QUALITY_VIDEOS:
        videos.sort(key=lambda v: figure_of[v, "all", "jf"].value if (v, "all", "jf") in figure_of else 2.0)
    rows = []
    for video_id in videos[:MAX_QUALITY_VIDEOS]:
        whole = [figure_of.get((video_id, "all", metric)) for metric in ("j", "f", "jf", "ap50")]
        parts = [figure_of.get((video_id, name, "jf")) for name in provenances]
        measured = next((q.n_frames for q in whole if q), 0)
        scores = [score(q.value if q else None) for q in whole + parts]
        rows.append([names.get(video_id, str(video_id)), f"{measured:,}", *scores])
    head = ["video", "frames measured", "J", "F", "J&F", "AP50", *(f"J&F, {name}" for name in provenances)]
    thinned = f"The {MAX_QUALITY_VIDEOS} of {len(videos):,} videos with the lowest J&F."
    return (
        f"<h4>Each video after round {newest}</h4>{table(head, rows, text=[0])}"
        f"{note(thinned if len(videos) > MAX_QUALITY_VIDEOS else '')}"
    )


def _time(seconds: float | None) -> str:
    return "–" if seconds is None else duration(seconds)


def _per_frame(last: RoundRow | None) -> str:
    if last is None or not last.human_frames:
        return "nothing labelled yet"
    return f"{duration(last.human_seconds / last.human_frames)} a frame"


def _mean_of(content: Content, round_id: int, metric: str) -> str:
    measured = {row.video_id for row in whole_video(content.quality, metric) if row.round_id == round_id}
    return f"mean of {many(len(measured), 'video')}, round {round_id}"
