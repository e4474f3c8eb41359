"""Train the student of a round on every human label there is, starting from the round before."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from al_core.fingerprint import fingerprint_file
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import FrameLabel, Progress
from al_core.settings import Settings
from al_core.stores.frames import FrameStore


def starting_checkpoint(project: Project, ledger: Ledger, settings: Settings, round_id: int) -> Path | None:
    """The weights that a round's student starts from: the round before, else ``init_weights``, else none.

    A round that failed to train is passed over.
    """
    if settings.student.warm_start:
        trained = [s for s in ledger.steps() if s.name == "train" and s.status == "finished" and s.round_id < round_id]
        if trained:
            return project.absolute(trained[-1].result["checkpoint"])
    return Path(settings.student.init_weights).expanduser() if settings.student.init_weights else None


def train_round(
    project: Project,
    ledger: Ledger,
    frames: FrameStore,
    settings: Settings,
    round_id: int,
    labels: Sequence[FrameLabel],
    start: Path | None,
    on_progress: Callable[[Progress], None] | None = None,
) -> dict[str, Any]:
    """Train, keep the loss curve, and return what later steps need: ``checkpoint``, ``sha256``, ``device``.

    ``notes`` tells what a person should know, e.g. which of the given weights fitted.

    Args:
        labels: what people said, at full resolution.
        start: weights to start from, or None for random ones.
    """
    from al_core.students.train import TrainingSample, train_student

    schedule = settings.student
    continues = start is not None and start.is_relative_to(project.root)
    trained = train_student(
        schedule,
        settings.teachers,
        [TrainingSample(label.frame, label.masks) for label in labels],
        ledger.categories(),
        frames.read,
        project.round_dir(round_id) / "student",
        seed=settings.seed * 1000 + round_id,
        iterations=schedule.iterations if continues else schedule.first_round_iterations,
        init_checkpoint=start,
        on_progress=on_progress,
    )
    ledger.put_training_curve(round_id, trained.curve)
    return {
        "checkpoint": project.relative(trained.checkpoint),
        "sha256": fingerprint_file(trained.checkpoint),
        "device": trained.device,
        "loss": trained.curve[-1][1] if trained.curve else None,
        "labels": len(labels),
        "notes": list(trained.notes),
    }
