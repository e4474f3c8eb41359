"""Everything that the page says, gathered from the ledger before a word of HTML is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.benchmark.curve_points import GOOD
from al_core.errors import FewframesError
from al_core.evaluation.bootstrap import Estimate
from al_core.evaluation.learning_curve import Forecast, forecast
from al_core.export.palette import PROVENANCE_COLOURS
from al_core.ledger.store import Ledger, Round, Step
from al_core.project import Project
from al_core.records import FrameLabel, FrameRef, QualityRow, Selected, Video, whole_video
from al_core.stores.delivered import read_delivered
from al_core.stores.frames import FrameStore
from tasks.project.annotator_stats import PersonRow, person_rows
from tasks.report.figures.round_figures import Figure
from tasks.report.figures.timeline_figure import time_line
from tasks.report.round_rows import RoundRow, round_rows
from tasks.report.thumbnails import Shown, picture, shown_masks
from tasks.report.timeline import (
    Choice,
    DeliveredFrames,
    Uncertainty,
    choices,
    delivered_frames,
    least_confident,
    uncertainty,
)
from tasks.steps.credits import gain_so_far

MAX_VIDEOS = 12
"""So many videos get a time line and pictures: the least certain ones."""

MAX_PICTURES = 6
"""Pictures per video of the chosen frames, and as many of the least confident ones."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame as it is shown.

    Attributes:
        image: JPEG data URI, None when the frame cannot be read any more.
        time_us: microseconds from the first frame.
        choice: why it was asked for, None for a frame that was not.
    """

    frame_idx: int
    time_us: int
    image: str | None
    shown: Shown
    choice: Choice | None


@dataclass(frozen=True, slots=True)
class VideoContent:
    """One video on the page.

    Attributes:
        figure: its time line; None before anything is predicted, chosen or delivered.
        chosen: frames of the newest selection.
        doubtful: frames with the least confident delivered masks.
        samples: some frames to know it by, where there are none of the others.
        note: what could not be shown, and why.
    """

    video: Video
    figure: Figure | None
    human_frames: int
    chosen: tuple[Picture, ...]
    doubtful: tuple[Picture, ...]
    samples: tuple[Picture, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Content:
    """The whole page.

    Attributes:
        quality: of all rounds, as the ledger gives it.
        shown: the videos with a time line; ``videos`` are all of them.
        curves: round -> (iteration, loss, learning rate).
        gain: of the selection over drawing at random; None while too little is known.
        forecast: what the next hour of labelling is expected to bring to J&F; None while too little is known.
        predicted_round, delivered_round: the newest that predicted, that delivered; None before the first.
        people: who labels on our page.
        categories: (name, provenance, masks) that the newest round delivered.
    """

    name: str
    videos: tuple[Video, ...]
    rounds: tuple[RoundRow, ...]
    quality: tuple[QualityRow, ...]
    steps: tuple[Step, ...]
    curves: dict[int, list[tuple[int, float, float]]]
    shown: tuple[VideoContent, ...]
    predicted_round: int | None
    delivered_round: int | None
    gain: Estimate | None = None
    forecast: Forecast | None = None
    people: tuple[PersonRow, ...] = ()
    categories: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger knows of one video."""

    video: Video
    labels: dict[int, FrameLabel]
    times_us: NDArray[np.int64]
    uncertain: Uncertainty | None
    chosen: list[Choice]
    delivered: Path | None


def gather(project: Project, ledger: Ledger, frames: FrameStore) -> Content:
    """Read everything that the page shows; the ledger is let go before the first frame is decoded."""
    with ledger.held():
        content = gather_rounds(project, ledger)
        known = _all_known(project, ledger, content, None)
        people = tuple(person_rows(project, ledger))
    return replace(content, shown=tuple(_video_content(each, frames) for each in known), people=people)


def gather_video(project: Project, ledger: Ledger, frames: FrameStore, video: Video) -> Content:
    """The same with one video only."""
    with ledger.held():
        content = gather_rounds(project, ledger)
        (known,) = _all_known(project, ledger, content, [video])
    return replace(content, shown=(_video_content(known, frames),))


def gather_rounds(project: Project, ledger: Ledger) -> Content:
    """What is known of the rounds, without any video's time line and frames: quick at any number of predictions."""
    with ledger.held():
        rounds = ledger.rounds()
        predicted = next((r for r in reversed(rounds) if ledger.prediction_paths(r.round_id)), None)
        curves = {r.round_id: ledger.training_curve(r.round_id) for r in rounds}
        table, quality = round_rows(ledger), ledger.quality()
        delivered, names = ledger.last_delivered_round(), ledger.categories()
        masks = [] if delivered is None else ledger.category_masks(delivered)
        return Content(
            name=project.root.name,
            videos=tuple(ledger.videos()),
            rounds=tuple(table),
            quality=tuple(quality),
            steps=tuple(ledger.steps()),
            curves={round_id: curve for round_id, curve in curves.items() if curve},
            shown=(),
            predicted_round=predicted.round_id if predicted else None,
            delivered_round=delivered,
            gain=gain_so_far(ledger),
            forecast=forecast_of(table, quality),
            categories=tuple((names.get(number, str(number)), provenance, n) for number, provenance, n in masks),
        )


def forecast_of(rounds: Sequence[RoundRow], quality: Sequence[QualityRow]) -> Forecast | None:
    """The learning curve carried on, over the videos that were measured after every round that measured any."""
    found = {(row.round_id, row.video_id): row.value for row in whole_video(quality, "jf")}
    measured = [r for r in rounds if any(round_id == r.round_id for round_id, _ in found)]
    videos = [v for v in sorted({v for _, v in found}) if all((r.round_id, v) in found for r in measured)]
    if not measured or not videos:
        return None
    values = np.array([[found[r.round_id, v] for v in videos] for r in measured])
    return forecast([r.human_seconds for r in measured], values, np.random.default_rng(0), target=GOOD)


def _all_known(project: Project, ledger: Ledger, content: Content, videos: list[Video] | None) -> list[_Known]:
    """What the ledger knows of some videos, by default of the least certain ones."""
    rounds = {r.round_id: r for r in ledger.rounds()}
    predicted = None if content.predicted_round is None else rounds[content.predicted_round]
    selections = {round_id: ledger.selection(round_id) for round_id in rounds}
    paths = {} if content.delivered_round is None else ledger.delivered_paths(content.delivered_round)
    if videos is None:
        videos = _least_certain_videos(ledger, content.videos, predicted, selections)
    return [_known(project, ledger, video, predicted, paths, selections) for video in videos]


def _least_certain_videos(
    ledger: Ledger,
    videos: Sequence[Video],
    predicted: Round | None,
    selections: Mapping[int, Sequence[Selected]],
) -> list[Video]:
    """The videos to show: all of few, of many those with the least certain frames, then those asked about."""
    if len(videos) <= MAX_VIDEOS:
        return list(videos)
    peaks: dict[int, float] = {}
    if predicted is not None:
        highest = ledger.least_certain_per_video(predicted.round_id, 1)
        pairs = zip(highest["video_id"].tolist(), highest["uncertainty"].tolist(), strict=True)
        peaks = dict(pairs)
    asked = {s.frame.video_id for found in selections.values() for s in found}
    ranked = sorted(videos, key=lambda v: (-peaks.get(v.video_id, -1.0), v.video_id not in asked, v.video_id))
    return ranked[:MAX_VIDEOS]


def _known(
    project: Project,
    ledger: Ledger,
    video: Video,
    predicted: Round | None,
    paths: Mapping[int, str],
    selections: Mapping[int, Sequence[Selected]],
) -> _Known:
    path = paths.get(video.video_id)
    uncertain = None
    if predicted is not None:
        uncertain = uncertainty(ledger, predicted.round_id, video, predicted.settings.uncertainty)
    return _Known(
        video,
        {label.frame.frame_idx: label for label in ledger.human_labels(video.video_id)},
        ledger.frame_times_us(video.video_id),
        uncertain,
        choices(selections, video.video_id),
        None if path is None else project.absolute(path),
    )


def _video_content(known: _Known, frames: FrameStore) -> VideoContent:
    video = known.video
    delivered, note = _delivered(known)
    newest = sorted((c for c in known.chosen if c.newest), key=lambda c: c.place)[:MAX_PICTURES]
    asked = {c.frame_idx: c for c in newest}
    doubtful = least_confident(delivered, MAX_PICTURES, asked) if delivered else []
    samples = [] if asked or doubtful else list(range(0, video.n_frames, -(-video.n_frames // MAX_PICTURES)))
    wanted: dict[int, Choice | None] = {**asked, **dict.fromkeys([*doubtful, *samples])}
    masks = dict(read_delivered(known.delivered, wanted)) if known.delivered and delivered else {}

    def draw(frame_idx: int) -> Picture:
        shown = shown_masks(frame_idx, known.labels, masks, tuple(PROVENANCE_COLOURS))
        image = picture(frames, FrameRef(video.video_id, frame_idx), shown)
        time_us = int(known.times_us[frame_idx] - known.times_us[0])
        return Picture(frame_idx, time_us, image, shown, wanted[frame_idx])

    something = known.uncertain or delivered or known.chosen or known.labels
    people = list(known.labels)
    line = time_line(video, known.times_us, known.uncertain, delivered, known.chosen, people)
    return VideoContent(
        video=video,
        figure=line if something else None,
        human_frames=len(people),
        chosen=tuple(draw(c.frame_idx) for c in newest),
        doubtful=tuple(draw(i) for i in doubtful),
        samples=tuple(draw(i) for i in samples),
        note=note,
    )


def _delivered(known: _Known) -> tuple[DeliveredFrames | None, str]:
    """The delivered masks frame by frame, or why they cannot be shown."""
    if known.delivered is None:
        return None, ""
    try:
        masks = read_delivered(known.delivered)
        return delivered_frames(masks, list(known.labels.values()), known.video.n_frames), ""
    except FewframesError as error:
        return None, f"The delivered masks cannot be shown: {error}."
