"""A project of a 7-frame clip whose first round has trained a real student, of three steps."""

from pathlib import Path

import cv2
import numpy as np

from al_core.fingerprint import fingerprint_file
from al_core.ledger.store import Ledger
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import FrameRef, MaskLabel
from al_core.settings import Settings, StoredSettings, TeacherSettings
from tasks.project.ingest import ingest_paths, open_frames
from tasks.steps.context import Trained
from tests.toys.students import tiny_student

N_FRAMES = 7
SIZE = (60, 80)


def square(frame_idx: int) -> np.ndarray:
    """Mask [60, 80] of the square, which moves 6 pixels a frame."""
    mask = np.zeros(SIZE, bool)
    mask[18:42, 8 + 6 * frame_idx : 32 + 6 * frame_idx] = True
    return mask


def write_squares(folder: Path, n_frames: int = N_FRAMES, ground: int = 90) -> Path:
    """A folder of PNG frames in which an orange square moves over grey; returns it."""
    folder.mkdir(parents=True)
    for i in range(n_frames):
        image = np.where(square(i)[..., None], (30, 200, 250), ground).astype(np.uint8)
        cv2.imwrite(str(folder / f"{i:05d}.png"), image)
    return folder


def settings_of(folder: Path, **student: object) -> Settings:
    """Settings of a student that trains in a second; its override lies in ``folder``."""
    return Settings(
        student=tiny_student(folder).model_copy(update=student),
        teachers=TeacherSettings(decays=(0.5, 0.9), views=("identity", "flip"), score_threshold=0.1),
    )


def trained_project(root: Path) -> tuple[Project, Ledger]:
    """The clip is in the project, and round 1 has trained: nothing else of it is there."""
    project, ledger = Project.at(root), Ledger(root / "ledger.duckdb", patience=5)
    ingest_paths(ledger, [write_squares(root.parent / "clip")], category="square")
    train_round(project, ledger, settings_of(root))
    return project, ledger


def train_round(project: Project, ledger: Ledger, settings: Settings, seed: int = 0) -> Path:
    """Begin the next round and train its student on two frames; returns the checkpoint."""
    from al_core.students.train import TrainingSample, train_student

    last = ledger.last_round()
    if last is not None:
        ledger.finish_round(last.round_id, None)
    round_id = ledger.begin_round(settings).round_id
    samples = [TrainingSample(FrameRef(1, i), (MaskLabel(1, 1, encode(square(i))),)) for i in (0, 3)]
    frames, folder = open_frames(project, ledger, settings.frames), project.round_dir(round_id) / "student"
    trained = train_student(
        *(settings.student, settings.teachers, samples, ledger.categories(), frames.read, folder),
        seed=seed,
        iterations=3,
        statistics_batches=2,
    )
    ledger.begin_step(round_id, Trained.step, f"{round_id:064d}")
    result = Trained(
        checkpoint=project.relative(trained.checkpoint),
        sha256=fingerprint_file(trained.checkpoint),
        device=trained.device,
        loss=trained.curve[-1][1],
        labels=len(samples),
    )
    ledger.finish_step(round_id, Trained.step, result.to_json(), 1.5, StoredSettings(settings.to_json()))
    return trained.checkpoint
