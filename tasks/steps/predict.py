"""Predict a whole video with the ensemble of mean teachers, and score how uncertain each frame is."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import Progress, Video
from al_core.settings import Settings
from al_core.stores.frames import FrameStore
from al_core.stores.predictions import FramePrediction, write_predictions
from al_core.uncertainty.scores import Expected, FrameScorer, combine, expected_objects

if TYPE_CHECKING:
    from al_core.students.build import Member


@dataclass(frozen=True, slots=True)
class PredictedVideo:
    """What became of one video.

    Attributes:
        path: the Parquet file of predicted objects.
        mean_uncertainty: mean score of the frames, in [0, 1].
        seconds: wall-clock time of reading, predicting, writing and scoring.
    """

    path: Path
    n_frames: int
    n_objects: int
    mean_uncertainty: float
    seconds: float


def load_members_for(checkpoint: Path, settings: Settings) -> "list[Member]":
    """The teachers of a checkpoint, ready to predict on the device of the settings.

    Raises:
        BadCheckpoint: the file is no student's checkpoint, or is damaged.
    """
    from al_core.students.build import load_members
    from al_core.uncertainty.ensemble import prepared, weakest_score

    # Weak sightings tell how sure the other teachers may be, so the models are asked for them too.
    asked = settings.teachers.model_copy(update={"score_threshold": weakest_score(settings.teachers)})
    return prepared(load_members(checkpoint, settings.student.device, asked))


def predict_video(
    project: Project,
    ledger: Ledger,
    frames: FrameStore,
    video: Video,
    members: "list[Member]",
    settings: Settings,
    round_id: int,
    on_progress: Callable[[Progress], None] | None = None,
) -> PredictedVideo:
    """Predict every frame of a video, write the objects to a Parquet file and the scores to the ledger.

    Frames that people labelled are predicted too: there the teachers can be held against the truth. What people
    have labelled up to this round also tells how many objects to expect in the frames near by. Frames stream
    through; memory does not grow with the length of the video, but for a few numbers a frame.
    """
    from al_core.uncertainty.augment import views_named
    from al_core.uncertainty.ensemble import predict_frames

    started = time.perf_counter()
    path = project.round_dir(round_id) / "predictions" / f"{video.video_id:05d}.parquet"
    tally = _Tally(_expected(ledger, video, round_id))
    predicted = predict_frames(
        members,
        views_named(settings.teachers.views),
        frames.iterate(video.video_id),
        settings.teachers,
        settings.student.long_side,
        settings.student.max_objects,
    )
    told = _telling(predicted, video, on_progress)
    write_predictions(path, tally.passing(told), frames.size(video.video_id))
    table = tally.table(settings)
    ledger.put_predictions(round_id, video.video_id, table, project.relative(path))
    uncertainty = table["uncertainty"].to_numpy()
    return PredictedVideo(
        path, len(table), sum(tally.n_objects), float(uncertainty.mean()), time.perf_counter() - started
    )


def _expected(ledger: Ledger, video: Video, round_id: int) -> Expected | None:
    """How many objects people would see in each frame, judging by what they have labelled so far."""
    labels = ledger.human_labels(up_to_round=round_id)
    if not labels:
        return None
    here = {label.frame.frame_idx: len(label.objects) for label in labels if label.frame.video_id == video.video_id}
    return expected_objects(here, elsewhere=round(float(np.mean([len(label.objects) for label in labels]))))


class _Tally:
    """Notes of each frame what the ledger keeps, while the frames pass through to the file."""

    def __init__(self, expected: Expected | None) -> None:
        self.frame_idx: list[int] = []
        self.n_objects: list[int] = []
        self._scorer = FrameScorer(expected)

    def passing(self, frames: Iterable[FramePrediction]) -> Iterator[FramePrediction]:
        """The same frames."""
        for frame in frames:
            self.frame_idx.append(frame.frame_idx)
            self.n_objects.append(len(frame.objects))
            self._scorer.add(frame)
            yield frame

    def table(self, settings: Settings) -> pa.Table:
        """One row per frame, as the ledger takes it."""
        components = self._scorer.components()
        return pa.table(
            {
                "frame_idx": np.array(self.frame_idx, np.int32),
                "uncertainty": combine(components, settings.uncertainty),
                "n_objects": np.array(self.n_objects, np.int32),
                **components,
            }
        )


def _telling(
    frames: Iterable[FramePrediction], video: Video, on_progress: Callable[[Progress], None] | None
) -> Iterator[FramePrediction]:
    """The same frames; says before each how many are done, and at the end that all are."""
    for done, frame in enumerate(frames, start=1):
        if on_progress is not None:
            on_progress(Progress(done, video.n_frames, video.name))
        yield frame
