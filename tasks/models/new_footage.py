"""Label footage that no project holds with the student of a round; the project itself is only read."""

import csv
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from al_core.errors import BadSettings, BadVideo, NoSpace, OutputExists, RunLocked
from al_core.export.contents import ExportClip, ExportOptions, ExportReport
from al_core.export.exporters import EXPORTERS, write_export
from al_core.files import json_bytes, noted_in, printable, replaced, write_whole
from al_core.fingerprint import fingerprint
from al_core.footage.sources import Source
from al_core.footage.unseen import frames_to_see
from al_core.fusion import teachers_alone
from al_core.ledger.store import Ledger
from al_core.records import COMPONENTS, Progress, Shots, Video
from al_core.settings import PropagationSettings, Settings
from al_core.stores.delivered import read_delivered, write_delivered
from al_core.stores.frames import FrameStore
from al_core.stores.predictions import read_predictions
from tasks.models.round_students import RoundStudent
from tasks.processes.run_lock import held
from tasks.progress import telling
from tasks.project.export import full_frames
from tasks.project.ingest import search_shots
from tasks.report.formatting import many
from tasks.steps.predict import ObjectsSeen, load_members_for, predict_to_file

if TYPE_CHECKING:
    from al_core.students.build import Member

MANIFEST = "predict.json"
"""Lies in every folder of labelled footage: which student labelled it."""

_DONE, _MASKS, _PREDICTIONS, _SCORES = "done.json", "masks.parquet", "predictions.parquet", "uncertainty.csv"
_NO_VIDEO = -1
"""Number of a video that the ledger has no labels of."""

Tell = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of new footage.

    Attributes:
        formats: keys of ``al_core.export.FORMATS``; each is written to a folder of its name.
        stride, choice: which frames are looked at (see :func:`al_core.footage.unseen.frames_to_see`).
        threshold: how sure the teachers must be on average that an object exists, in [0, 1]; None takes the round's
            ``propagation.new_object_threshold``.
        options: of the exports.
        again: videos that another student labelled here before are labelled again.
    """

    formats: tuple[str, ...]
    stride: int = 1
    choice: tuple[range, ...] = ()
    threshold: float | None = None
    options: ExportOptions = field(default_factory=ExportOptions)
    again: bool = False

    def __post_init__(self) -> None:
        for name in self.formats:
            EXPORTERS.check(name)
        if self.stride < 1:
            raise BadSettings(f"--stride: expected 1 (every frame) or more, got {self.stride}")
        if self.choice and self.stride > 1:
            raise BadSettings("name frames with --frames or take every n-th with --stride, not both")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise BadSettings(f"--threshold: expected a share from 0 to 1, got {self.threshold:g}")


@dataclass(frozen=True, slots=True)
class LabelledFootage:
    """What became of footage.

    Attributes:
        labelled: one line a video that was labelled by this call, ``known`` one a video that was before.
        failed: one line a video that could not be.
    """

    labelled: tuple[str, ...]
    known: tuple[str, ...]
    failed: tuple[str, ...]
    exports: tuple[ExportReport, ...]

    def describe(self) -> list[str]:
        """Return a line for each video and each export."""
        return [
            *(f"labelled: {line}" for line in self.labelled),
            *(f"labelled before: {line}" for line in self.known),
            *(f"failed: {line}" for line in self.failed),
            *(report.describe() for report in self.exports),
        ]


def label_footage(
    ledger: Ledger,
    student: RoundStudent,
    sources: Sequence[Source],
    out: Path,
    wanted: Wanted,
    tell: Callable[[str], Tell] = lambda what: lambda progress: None,
) -> LabelledFootage:
    """Label videos with the teachers of a student, and export what they see, with how uncertain it is.

    A video that was labelled before, with the same student and frames, is not labelled again; one that cannot be read
    is told, and the others go on. In ``out`` lie: a folder for each format, ``uncertainty.csv`` with a line a frame,
    and ``videos`` with what the teachers saw in each.

    Args:
        out: a new folder, or one of an earlier call.
        tell: gives for a part of the work what its progress is told to.

    Raises:
        BadCheckpoint: the student's file is gone or damaged. OutputExists: ``out`` holds something else, or what
            another student labelled. RunLocked: another process labels into ``out``.
    """
    work = _Work(ledger, student, out, wanted)
    with _claimed(work):
        shutil.rmtree(work.cache, ignore_errors=True)
        labelled: list[str] = []
        known: list[str] = []
        failed: list[str] = []
        clips: list[ExportClip] = []
        for number, source in enumerate(sources, start=1):
            try:
                video, times_us = _probed(source, number, tell("read"))
                frames = frames_to_see(video.n_frames, wanted.stride, wanted.choice)
                if not frames:
                    raise BadVideo(f"{source.path}: has {video.n_frames} frames, from 0; none of --frames is in it")
                done = work.is_done(video, frames)
                if not done:
                    shots = search_shots(video, tell(f"cuts of {video.name}"))
                    work.label(video, frames, times_us, shots, tell(f"predict {video.name}"))
                (known if done else labelled).append(work.described(video, frames))
                clips.append(work.clip(video, frames, times_us))
            except OSError as error:
                if (full := NoSpace.caused_by(error, out)) is not None:
                    raise full from error
                failed.append(printable(f"{source.path}: {error.strerror}"))
            except BadVideo as error:
                failed.append(printable(str(error)))
        exports = tuple(work.export(name, clips, tell(f"export {name}")) for name in wanted.formats if clips)
        _join_scores(out, [clip.video.name for clip in clips])
    return LabelledFootage(tuple(labelled), tuple(known), tuple(failed), exports)


@dataclass(frozen=True)
class _Work:
    """What all videos of a call share; weights are loaded when the first video needs them."""

    ledger: Ledger
    student: RoundStudent
    out: Path
    wanted: Wanted

    @property
    def cache(self) -> Path:
        """Decoded frames of the video that is being labelled."""
        return self.out / "cache"

    @cached_property
    def settings(self) -> Settings:
        """The settings that the round predicts with."""
        return self.student.settings

    @cached_property
    def fusing(self) -> PropagationSettings:
        """How masks are made of predictions; there are none but the teachers', so their weight is theirs alone."""
        least = self.wanted.threshold
        changes = {} if least is None else {"new_object_threshold": least}
        return self.settings.propagation.model_copy(update={"teacher_weight": 1.0, **changes})

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that masks depend on, beside the footage."""
        settings = self.settings
        return {
            "student": self.student.trained.sha256,
            "teachers": settings.teachers.model_dump(mode="json"),
            "uncertainty": settings.uncertainty.model_dump(mode="json"),
            "sizes": [settings.frames.working_long_side, settings.student.long_side, settings.student.max_objects],
            "threshold": self.fusing.new_object_threshold,
            "calibrations": {name: asdict(one) for name, one in self.student.calibrations.items()},
        }

    @cached_property
    def members(self) -> "list[Member]":
        """The teachers."""
        return load_members_for(self.student.checkpoint, self.settings)

    def place(self, video: Video) -> Path:
        """Return the folder of what was seen in a video."""
        return self.out / "videos" / video.name

    def is_done(self, video: Video, frames: Sequence[int]) -> bool:
        """Tell whether a video was labelled before, as it would be now."""
        return self._done(video).get("made_from") == self._made_from(video, frames)

    def described(self, video: Video, frames: Sequence[int]) -> str:
        """Tell of a video that is labelled how much of it was looked at, and where it cuts."""
        cuts = self._done(video).get("cuts") or []
        places = f", {many(len(cuts), 'cut')} at {', '.join(map(str, cuts))}" if cuts else ""
        return f"{video.name}: {len(frames)} of {video.n_frames} frames{places}"

    def label(self, video: Video, frames: Sequence[int], times_us: NDArray[np.int64], shots: Shots, tell: Tell) -> None:
        """Predict the frames of a video, link what was seen over time within each shot, and keep both; all appears at
        once."""
        store = self.store(video)
        images = telling(store.iterate(video.video_id, frames), len(frames), video.name, tell)
        expected = ObjectsSeen.of(self.ledger, self.student.round_id).expected(_NO_VIDEO)
        with replaced(self.place(video)) as folder:
            folder.mkdir(parents=True)
            predictions, size = folder / _PREDICTIONS, store.size(video.video_id)
            table = predict_to_file(predictions, self.members, images, size, self.settings, expected, shots)
            seen = partial(read_predictions, predictions)
            full = (video.height, video.width)
            masks = teachers_alone(frames, seen, full, self.fusing, self.student.calibrations, shots)
            write_delivered(folder / _MASKS, (mask for _, found in masks for mask in found))
            _write_scores(folder / _SCORES, video, table, times_us)
            made_from = self._made_from(video, frames)
            (folder / _DONE).write_bytes(
                json_bytes({"video": printable(video.uri), "made_from": made_from, "cuts": shots.cuts})
            )
        shutil.rmtree(self.cache, ignore_errors=True)

    def clip(self, video: Video, frames: Sequence[int], times_us: NDArray[np.int64]) -> ExportClip:
        """Return a labelled video as exporters take it; of frames that were not looked at nothing is known."""
        return ExportClip(
            video,
            partial(read_delivered, self.place(video) / _MASKS),
            partial(full_frames, self.store(video), video),
            round_id=self.student.round_id,
            times_us=times_us,
            unknown_frames=frozenset(range(video.n_frames)) - frozenset(frames),
        )

    def export(self, name: str, clips: Sequence[ExportClip], tell: Tell) -> ExportReport:
        """Write one format, in the place of that of an earlier call."""
        return write_export(name, clips, self.ledger.categories(), self.out / name, self.wanted.options, tell)

    def store(self, video: Video) -> FrameStore:
        """Return the frames of a video, kept in ``out`` while it is being labelled."""
        return FrameStore(self.cache, [video], self.settings.frames)

    def _done(self, video: Video) -> dict[str, Any]:
        """Return what was noted of a video when it was labelled; nothing where it was not."""
        return noted_in(self.place(video) / _DONE)

    def _made_from(self, video: Video, frames: Sequence[int]) -> str:
        return fingerprint([self.identity, video.sha256, list(frames)])


@contextmanager
def _claimed(work: _Work) -> Iterator[None]:
    """Keep a folder for this call alone, and note in it which student labels; other people's files stay as they are."""
    out, manifest = work.out, work.out / MANIFEST
    noted = {"made_by": "fewframes", "round": work.student.round_id, "labelled_with": work.identity}
    try:
        if out.exists() and not manifest.is_file() and (not out.is_dir() or any(out.iterdir())):
            raise OutputExists(f"{out} holds something else: name a new folder, or one that predict made")
        out.mkdir(parents=True, exist_ok=True)
        with held(out / ".lock"):
            if manifest.is_file() and json.loads(manifest.read_bytes()) != noted and not work.wanted.again:
                raise OutputExists(
                    f"{out} holds footage that another student labelled, or this one with other settings: name another "
                    "folder, or say --overwrite"
                )
            write_whole(manifest, json_bytes(noted))
            yield
    except BlockingIOError:
        raise RunLocked(f"another process labels footage into {out}; wait until it is done, or end it") from None
    except (PermissionError, NotADirectoryError) as error:
        raise BadSettings(f"--out: expected a folder that can be written, got {out}: {error.strerror}") from None


def _probed(source: Source, number: int, tell: Tell) -> tuple[Video, NDArray[np.int64]]:
    """Read every frame once; returns the video, by the number that it has in this call, and the time of each frame."""
    info = source.probe(tell)
    return replace(source.video(source.sha256(), info), video_id=number), info.times_us


def _write_scores(path: Path, video: Video, table: pa.Table, times_us: NDArray[np.int64]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["video", "frame", "seconds", "objects", "uncertainty", *COMPONENTS])
        for row in table.to_pylist():
            scores = [f"{row[name]:.6f}" for name in ("uncertainty", *COMPONENTS)]
            seconds = f"{times_us[row['frame_idx']] / 1e6:.6f}"
            writer.writerow([video.name, row["frame_idx"], seconds, row["n_objects"], *scores])


def _join_scores(out: Path, videos: Sequence[str]) -> None:
    """Write the scores of all videos as one table."""
    with replaced(out / _SCORES) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as joined:
        for number, name in enumerate(videos):
            lines = (out / "videos" / name / _SCORES).read_text(encoding="utf-8").splitlines(keepends=True)
            joined.writelines(lines[number > 0 :])
