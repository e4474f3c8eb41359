"""Everything that the pages say, gathered from the ledger before a word of HTML is written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.audit.audit_records import Certificate
from al_core.benchmark.curve_points import GOOD
from al_core.errors import FewframesError
from al_core.evaluation.learning_curve import Forecast, forecast
from al_core.ledger.store import Ledger, Round, Step
from al_core.project import Project
from al_core.records import ONE_SHOT, FrameLabel, FrameRef, Progress, QualityRow, Selected, Shots, Video
from al_core.stores.delivered import read_delivered
from al_core.stores.frames import FrameStore
from tasks.auditing.live_gain import Proof, proof_so_far
from tasks.auditing.round_estimates import RoundEstimates, estimates_now
from tasks.auditing.target_outlook import TargetOutlook, target_outlook
from tasks.certificates.accepted_counts import counts_with_accepted
from tasks.languages.phrases import t
from tasks.progress import telling
from tasks.project.annotator_stats import PersonRow, person_rows
from tasks.project.run_settings import settings_in_force
from tasks.report.figures.round_figures import Figure
from tasks.report.figures.timeline_figure import time_line
from tasks.report.round_rows import RoundRow, quality_by_video, round_rows
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
from tasks.steps.context import standing_rounds

MAX_VIDEOS = 12
"""Videos that get a time line and pictures at most: the least certain ones."""

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
        shots: its cuts, and where it stands still.
    """

    video: Video
    figure: Figure | None
    human_frames: int
    chosen: tuple[Picture, ...]
    doubtful: tuple[Picture, ...]
    samples: tuple[Picture, ...]
    note: str
    shots: Shots = ONE_SHOT


@dataclass(frozen=True, slots=True)
class Content:
    """The whole page.

    Attributes:
        quality: of all rounds by truth, as the ledger gives it; ``holdout`` by held-out labels.
        shown: the videos with a time line; ``videos`` are all of them.
        curves: round -> (iteration, loss, learning rate).
        proof: what is known of the gain of the selection over drawing at random; None where nobody asked.
        forecast: what the next hour of labelling is expected to bring to J&F; None while too little is known.
        predicted_round, delivered_round: the newest that predicted, that delivered; None before the first.
        people: who labels on our page.
        categories: (name, provenance, masks) that the newest round delivered.
        estimates: what audits say of each round's delivery; ``category_names`` are those of their scopes.
        target: of quality, and when it will be met; None where none is set.
        certificates: all looks at audits, those that certified nothing too.
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
    proof: Proof | None = None
    forecast: Forecast | None = None
    people: tuple[PersonRow, ...] = ()
    categories: tuple[tuple[str, str, int], ...] = ()
    holdout: tuple[QualityRow, ...] = ()
    estimates: tuple[RoundEstimates, ...] = ()
    category_names: Mapping[int, str] = field(default_factory=dict)
    target: TargetOutlook | None = None
    certificates: tuple[Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger knows of one video."""

    video: Video
    labels: dict[int, FrameLabel]
    times_us: NDArray[np.int64]
    uncertain: Uncertainty | None
    chosen: list[Choice]
    delivered: Path | None
    shots: Shots = ONE_SHOT


def gather(
    project: Project, ledger: Ledger, frames: FrameStore, on_progress: Callable[[Progress], None] | None = None
) -> Content:
    """Read everything that the page shows; the ledger is let go before the first frame is decoded."""
    with ledger.held():
        content = with_outlook(gather_rounds(project, ledger), ledger)
        known = _all_known(project, ledger, content, None)
        people = tuple(person_rows(project, ledger))
    told = telling(known, len(known), "videos", on_progress)
    return replace(content, shown=tuple(_video_content(each, frames) for each in told), people=people)


def gather_video(project: Project, ledger: Ledger, frames: FrameStore, video: Video) -> Content:
    """Read what is known of the rounds and of one video."""
    with ledger.held():
        content = gather_rounds(project, ledger)
        (known,) = _all_known(project, ledger, content, [video])
    return replace(content, shown=(_video_content(known, frames),))


def gather_rounds(project: Project, ledger: Ledger) -> Content:
    """Read what is known of the rounds, without any video's time line and frames: quick at any number of predictions.

    What is expected of further labels is left out, see :func:`with_outlook`.
    """
    with ledger.held():
        delivered, names = ledger.last_delivered_round(), ledger.category_names()
        masks = [] if delivered is None else ledger.category_masks(delivered)
        estimates = estimates_now(project, ledger)
        return Content(
            name=project.root.name,
            videos=tuple(ledger.videos()),
            rounds=tuple(round_rows(ledger, estimates, counts_with_accepted(project, ledger))),
            quality=tuple(ledger.quality()),
            steps=tuple(ledger.steps()),
            curves=training_curves(ledger),
            shown=(),
            predicted_round=last_predicted_round(ledger),
            delivered_round=delivered,
            holdout=tuple(ledger.quality(reference="holdout")),
            categories=tuple((names.get(number, str(number)), provenance, n) for number, provenance, n in masks),
            estimates=estimates,
            category_names=names,
            certificates=tuple(ledger.certificates()),
        )


def with_outlook(content: Content, ledger: Ledger) -> Content:
    """Add the gain of the selection and the forecast, which take a bootstrap each."""
    quality = content.quality or content.holdout
    target = target_of(ledger, content.estimates)
    return replace(content, proof=proof_so_far(ledger), forecast=forecast_of(content.rounds, quality), target=target)


def target_of(ledger: Ledger, estimates: Sequence[RoundEstimates]) -> TargetOutlook | None:
    """Return what is known of the target that the next round, or the open one, goes by; None where none is set."""
    return target_outlook(ledger, settings_in_force(ledger), estimates)


def training_curves(ledger: Ledger) -> dict[int, list[tuple[int, float, float]]]:
    """Return (iteration, loss, learning rate) of each round that has trained."""
    curves = {r.round_id: ledger.training_curve(r.round_id) for r in ledger.rounds()}
    return {round_id: curve for round_id, curve in curves.items() if curve}


def last_predicted_round(ledger: Ledger) -> int | None:
    """Return the newest round that predicted and was not abandoned; None before the first."""
    rounds = (r.round_id for r in reversed(standing_rounds(ledger)))
    return next((round_id for round_id in rounds if ledger.prediction_paths(round_id)), None)


def forecast_of(rounds: Sequence[RoundRow], quality: Sequence[QualityRow]) -> Forecast | None:
    """Carry the learning curve on, over the videos that were measured after every round that measured any."""
    found = {r.round_id: quality_by_video((q for q in quality if q.round_id == r.round_id), "jf") for r in rounds}
    seconds = [r.human_seconds for r in rounds if found[r.round_id]]
    per_round = [values for values in found.values() if values]
    videos = sorted(set.intersection(*(set(values) for values in per_round))) if per_round else []
    if not videos:
        return None
    values = np.array([[values[v] for v in videos] for values in per_round])
    return forecast(seconds, values, np.random.default_rng(0), target=GOOD)


def _all_known(project: Project, ledger: Ledger, content: Content, videos: list[Video] | None) -> list[_Known]:
    """Read what the ledger knows of some videos, by default of the least certain ones."""
    rounds = {r.round_id: r for r in ledger.rounds()}
    predicted = None if content.predicted_round is None else rounds[content.predicted_round]
    selections = {round_id: ledger.selection(round_id) for round_id in rounds}
    paths = {} if content.delivered_round is None else ledger.delivered_paths(content.delivered_round)
    if videos is None:
        videos = _least_certain_videos(ledger, content.videos, predicted, selections)
    shots = ledger.shots()
    return [
        replace(_known(project, ledger, video, predicted, paths, selections), shots=shots.get(video.video_id, ONE_SHOT))
        for video in videos
    ]


def _least_certain_videos(
    ledger: Ledger,
    videos: Sequence[Video],
    predicted: Round | None,
    selections: Mapping[int, Sequence[Selected]],
) -> list[Video]:
    """Choose the videos to show: all of few, of many those with the least certain frames, then those asked about."""
    if len(videos) <= MAX_VIDEOS:
        return list(videos)
    peaks = highest_uncertainty(ledger, None if predicted is None else predicted.round_id)
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


def highest_uncertainty(ledger: Ledger, round_id: int | None) -> dict[int, float]:
    """Return the uncertainty of each video's least certain frame, by id; empty without a round that predicted."""
    if round_id is None:
        return {}
    found = ledger.least_certain_per_video(round_id, 1)
    return dict(zip(found["video_id"].tolist(), found["uncertainty"].tolist(), strict=True))


def _video_content(known: _Known, frames: FrameStore) -> VideoContent:
    delivered, note = _delivered(known)
    chosen, doubtful, samples = _wanted(known, delivered)
    choices = {c.frame_idx: c for c in chosen}
    wanted = [*choices, *doubtful, *samples]
    masks = dict(read_delivered(known.delivered, wanted)) if known.delivered and delivered else {}

    def draw(frame_idx: int) -> Picture:
        shown = shown_masks(frame_idx, known.labels, masks)
        image = picture(frames, FrameRef(known.video.video_id, frame_idx), shown)
        time_us = int(known.times_us[frame_idx] - known.times_us[0])
        return Picture(frame_idx, time_us, image, shown, choices.get(frame_idx))

    something = known.uncertain or delivered or known.chosen or known.labels or known.shots != ONE_SHOT
    people = list(known.labels)
    line = time_line(known.video, known.times_us, known.uncertain, delivered, known.chosen, people, known.shots)
    return VideoContent(
        video=known.video,
        figure=line if something else None,
        human_frames=len(people),
        chosen=tuple(map(draw, choices)),
        doubtful=tuple(map(draw, doubtful)),
        samples=tuple(map(draw, samples)),
        note=note,
        shots=known.shots,
    )


def _wanted(known: _Known, delivered: DeliveredFrames | None) -> tuple[list[Choice], list[int], list[int]]:
    """Choose the frames to draw: of the newest selection, the least confident, and some others where both are empty."""
    chosen = sorted((c for c in known.chosen if c.newest), key=lambda c: c.place)[:MAX_PICTURES]
    doubtful = least_confident(delivered, MAX_PICTURES, [c.frame_idx for c in chosen]) if delivered else []
    n_frames = known.video.n_frames
    samples = [] if chosen or doubtful else list(range(0, n_frames, -(-n_frames // MAX_PICTURES)))
    return chosen, doubtful, samples


def _delivered(known: _Known) -> tuple[DeliveredFrames | None, str]:
    """Read the delivered masks frame by frame, or say why they cannot be shown."""
    if known.delivered is None:
        return None, ""
    try:
        masks = read_delivered(known.delivered)
        return delivered_frames(masks, list(known.labels.values()), known.video.n_frames), ""
    except FewframesError as error:
        return None, t("The delivered masks cannot be shown: {why}.", why=error)
