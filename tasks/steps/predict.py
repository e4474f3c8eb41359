"""Predict a whole video with the ensemble of mean teachers, and score how uncertain each frame is."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from al_core.fingerprint import fingerprint
from al_core.ledger.store import Ledger
from al_core.records import COMPONENTS, ONE_SHOT, Progress, Shots, Video
from al_core.settings import Settings
from al_core.stores.predictions import FramePrediction, read_predictions, write_predictions
from al_core.uncertainty.scores import Expected, FrameScorer, combine, expected_objects
from tasks.engines.engine import engine_of
from tasks.engines.jobs import Place
from tasks.engines.shared_folder import HandedFile
from tasks.progress import progress_of, telling
from tasks.steps.context import Predicted, RoundContext, Trained, hashes_of
from tasks.steps.unchanged.made_from import predictions_made_from
from tasks.steps.unchanged.same_as_before import link_predictions

if TYPE_CHECKING:
    from al_core.students.build import Member


def predict_inputs(context: RoundContext) -> dict[str, Any]:
    """Return what the predictions depend on."""
    return {
        "student": context.required(Trained).sha256,
        "teachers": context.stored.part("teachers"),
        "uncertainty": context.stored.part("uncertainty"),
        "frames": context.stored.part("frames.working_long_side"),
        **context.cuts_as_inputs,
    }


def predict_work(context: RoundContext) -> Predicted:
    """Predict every frame with the ensemble of mean teachers, and score how uncertain each prediction is.

    Videos that a dead predecessor finished are not predicted again, nor are those of which nothing changed since the
    round before. While there is no student, none is predicted.
    """
    student = context.required(Trained)
    if student.kept and not student.checkpoint:
        return Predicted(fingerprint(predict_inputs(context)))
    ledger, seen = context.ledger, ObjectsSeen.of(context.ledger, context.round_id)
    done = ledger.prediction_paths(context.round_id)
    todo = [video for video in context.videos if video.video_id not in done]
    made_from = {v.video_id: predictions_made_from(context, v, student.sha256, seen.of_video(v.video_id)) for v in todo}
    linked = link_predictions(context, made_from)
    todo = [video for video in todo if video.video_id not in linked]
    known = predicted_before(context) if todo else {}
    for video in (video for video in todo if video.video_id in known):
        told, i = progress_of(f"predict {video.name}"), video.video_id
        predict_video(context, video, [], told, known[i], seen.expected(i, context.shots_of(i)), made_from[i])
    _predict_anew(context, [video for video in todo if video.video_id not in known], seen, made_from)
    paths = ledger.prediction_paths(context.round_id)
    return Predicted(fingerprint(predict_inputs(context)), len(paths), hashes_of(context.project, paths, linked))


def _predict_anew(
    context: RoundContext, videos: Sequence[Video], seen: "ObjectsSeen", made_from: Mapping[int, str]
) -> None:
    """Have videos predicted by whoever does the heavy work, and tell the ledger of each as it is done."""
    if not videos:
        return
    project, ledger = context.project, context.ledger
    with engine_of(context.settings.compute, project, Predicted.step, lambda: context.frames) as engine:
        given = engine.files.give(project.absolute(context.required(Trained).checkpoint))
        jobs = [PredictJob.of(context, video, given, seen) for video in videos]
        for job, (file, table) in engine.each(Predicted.step, jobs):
            engine.files.take(file, job.target)
            ledger.put_predictions(context.round_id, job.key, table, project.relative(job.target), made_from[job.key])


@dataclass(frozen=True)
class PredictJob:
    """A video to predict and to score, wherever that is done.

    Attributes:
        checkpoint: the student's, with its teachers.
        target: where the owner keeps the objects, a Parquet file.
        expected: how many objects a frame should show.
        shots: of the video; frames on two sides of a cut are not compared.
    """

    video: Video
    settings: Settings
    checkpoint: HandedFile
    target: Path
    expected: Expected | None
    shots: Shots

    @classmethod
    def of(cls, context: RoundContext, video: Video, checkpoint: HandedFile, seen: "ObjectsSeen") -> "PredictJob":
        """Return what there is to know of a video of a round."""
        shots = context.shots_of(video.video_id)
        expected, target = seen.expected(video.video_id, shots), predictions_place(context, video.video_id)
        return cls(video, context.settings, checkpoint, target, expected, shots)

    @property
    def name(self) -> str:
        """What is done to which video."""
        return f"predict {self.video.name}"

    @property
    def key(self) -> int:
        """The video's number."""
        return self.video.video_id

    def work(self, place: Place) -> tuple[HandedFile, pa.Table]:
        """Predict the video; returns the file of objects, and the table that :func:`scored_to_file` returns."""
        frames, settings = place.frames([self.video], self.settings.frames), self.settings
        members = place.kept(
            (self.checkpoint, settings.sha256),
            lambda: load_members_for(place.files.open(self.checkpoint), settings),
        )
        images = frames.iterate(self.key)
        told = telling(images, self.video.n_frames, self.video.name, progress_of(self.name))
        predicted, size = predicted_by(members, told, settings), frames.size(self.key)
        return place.files.made(
            self.target, lambda path: scored_to_file(path, predicted, size, settings, self.expected, self.shots)
        )


def predictions_place(context: RoundContext, video_id: int) -> Path:
    """Return the file in which a round keeps the predicted objects of a video."""
    return context.project.round_dir(context.round_id) / "predictions" / f"{video_id:05d}.parquet"


def predicted_before(context: RoundContext) -> dict[int, Path]:
    """Return the files of predictions that the same student made in the same way in the round before, by video.

    Files that are not as they were left are not among them.
    """
    before = context.before.result(Predicted)
    if before is None or before.sha256 != fingerprint(predict_inputs(context)):
        return {}
    paths = context.ledger.prediction_paths(context.before.round_id)
    files = {video: context.project.absolute(path) for video, path in paths.items()}
    return context.whole_files(files, before.hashes)


def load_members_for(checkpoint: Path, settings: Settings) -> "list[Member]":
    """Return the teachers of a checkpoint, ready to predict on the device of the settings.

    Raises:
        BadCheckpoint: the file is no student's checkpoint, or is damaged.
    """
    from al_core.students.build import load_members
    from al_core.uncertainty.ensemble import in_fast_layout, in_fast_precision, weakest_score

    # Weak sightings tell how sure the other teachers may be, so the models are asked for them too.
    asked = settings.teachers.model_copy(update={"score_threshold": weakest_score(settings.teachers)})
    members = load_members(checkpoint, settings.student.device, asked)
    return in_fast_precision(in_fast_layout(members))


def predict_video(
    context: RoundContext,
    video: Video,
    members: "list[Member]",
    on_progress: Callable[[Progress], None] | None = None,
    known: Path | None = None,
    expected: Expected | None = None,
    made_from: str = "",
) -> Path:
    """Predict every frame of a video, write the objects to a Parquet file and the scores to the ledger.

    Frames that people labelled are predicted too: there the teachers can be held against the truth. What people
    have labelled up to this round also tells how many objects to expect in the frames near by. Frames stream
    through; memory does not grow with the length of the video, but for a few numbers a frame.

    Args:
        known: a file with what the members say, made before: then they are not asked again, and it is scored only.
        expected: how many objects a frame should show.
        made_from: hash of all this, for later rounds; empty to let none of them refer to it.

    Returns:
        The Parquet file of predicted objects.
    """
    project, ledger, frames = context.project, context.ledger, context.frames
    shots = context.shots_of(video.video_id)
    if known is None:
        path = predictions_place(context, video.video_id)
        told = telling(frames.iterate(video.video_id), video.n_frames, video.name, on_progress)
        predicted = predicted_by(members, told, context.settings)
        table = scored_to_file(path, predicted, frames.size(video.video_id), context.settings, expected, shots)
    else:
        path, tally = known, _Tally(expected, shots, context.settings.uncertainty.plugins)
        for _ in tally.passing(telling(read_predictions(known), video.n_frames, video.name, on_progress)):
            pass
        table = tally.table(context.settings)
    ledger.put_predictions(context.round_id, video.video_id, table, project.relative(path), made_from)
    return path


def predict_to_file(
    path: Path,
    members: "list[Member]",
    frames: Iterable[tuple[int, NDArray[np.uint8]]],
    size: tuple[int, int],
    settings: Settings,
    expected: Expected | None,
    shots: Shots = ONE_SHOT,
) -> pa.Table:
    """Predict frames as they come, score them and write the objects to a Parquet file (:func:`scored_to_file`).

    Args:
        frames: (frame number, uint8 RGB [h, w, 3] at working size), in rising order.
    """
    return scored_to_file(path, predicted_by(members, frames, settings), size, settings, expected, shots)


def predicted_by(
    members: "list[Member]", frames: Iterable[tuple[int, NDArray[np.uint8]]], settings: Settings
) -> Iterator[FramePrediction]:
    """Yield what the members say of frames, (frame number, uint8 RGB [h, w, 3] at working size) in rising order."""
    from al_core.uncertainty.augment import views_named
    from al_core.uncertainty.ensemble import predict_frames

    student, teachers = settings.student, settings.teachers
    views = views_named(teachers.views)
    yield from predict_frames(members, views, frames, teachers, student.long_side, student.max_objects)


def scored_to_file(
    path: Path,
    predicted: Iterable[FramePrediction],
    size: tuple[int, int],
    settings: Settings,
    expected: Expected | None,
    shots: Shots = ONE_SHOT,
) -> pa.Table:
    """Score predictions as they come and write their objects to a Parquet file, which appears whole or not at all.

    Args:
        predicted: in rising order of frames.
        size: (height, width) of the frames.
        expected: how many objects a frame should show.
        shots: of the video; frames on two sides of a cut are not compared.

    Returns:
        A row for each frame: its number, the number of objects, the uncertainty and its components.
    """
    tally = _Tally(expected, shots, settings.uncertainty.plugins)
    write_predictions(path, tally.passing(predicted), size)
    return tally.table(settings)


@dataclass(frozen=True)
class ObjectsSeen:
    """How many objects people saw in the frames that they labelled as a whole.

    Attributes:
        by_video: by video and frame.
        elsewhere: in a frame in the middle; None where there are no labels.
    """

    by_video: Mapping[int, Mapping[int, int]]
    elsewhere: int | None

    @classmethod
    def of(cls, ledger: Ledger, round_id: int) -> "ObjectsSeen":
        """Return what was labelled up to a round."""
        by_video: dict[int, dict[int, int]] = {}
        counts = []
        for label in ledger.human_labels(up_to_round=round_id):
            if label.complete:
                counts.append(len(label.objects))
                by_video.setdefault(label.frame.video_id, {})[label.frame.frame_idx] = counts[-1]
        return cls(by_video, round(float(np.mean(counts))) if counts else None)

    def expected(self, video_id: int, shots: Shots = ONE_SHOT) -> Expected | None:
        """Return how many objects people would see in each frame of a video.

        A shot without labels, of a video that is known to the ledger or not, is expected to show as many as others do.
        """
        if self.elsewhere is None:
            return None
        return expected_objects(self.by_video.get(video_id, {}), self.elsewhere, shots)

    def of_video(self, video_id: int) -> list[Any]:
        """Return what :meth:`expected` depends on, shots left out, for a fingerprint."""
        return [sorted(self.by_video.get(video_id, {}).items()), self.elsewhere]


class _Tally:
    """Notes of each frame what the ledger keeps, while the frames pass through to the file."""

    def __init__(self, expected: Expected | None, shots: Shots, others: Sequence[str]) -> None:
        self.frame_idx: list[int] = []
        self.n_objects: list[int] = []
        self._scorer = FrameScorer(expected, shots, others)

    def passing(self, frames: Iterable[FramePrediction]) -> Iterator[FramePrediction]:
        """Yield the same frames."""
        for frame in frames:
            self.frame_idx.append(frame.frame_idx)
            self.n_objects.append(len(frame.objects))
            self._scorer.add(frame)
            yield frame

    def table(self, settings: Settings) -> pa.Table:
        """Return one row per frame, as the ledger takes it."""
        components = self._scorer.components()
        return pa.table(
            {
                "frame_idx": np.array(self.frame_idx, np.int32),
                "uncertainty": combine(components, settings.uncertainty),
                "n_objects": np.array(self.n_objects, np.int32),
                **{name: components[name] for name in COMPONENTS},
            }
        )
