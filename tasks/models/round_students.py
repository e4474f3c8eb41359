"""The students that the rounds of a project left, and which of them works on new footage."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from al_core.errors import NotReady, UnknownName
from al_core.evaluation.calibration import Calibration
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.settings import OF_PROJECT, Settings
from tasks.steps.context import Predicted, Propagated, RoundContext, Trained, standing_rounds
from tasks.steps.train import starting_round

RANDOM = "random weights"
"""What a student without any weights to start from started from."""


@dataclass(frozen=True, slots=True)
class RoundStudent:
    """The student of one round, with its teachers.

    Attributes:
        checkpoint: its file, which may be gone.
        trained: what the training noted.
        trained_at: when it was done, UTC without zone.
        settings: that the round predicts with.
        calibrations: of the teachers' confidence, by provenance, as the round delivered with; empty before it did.
        ancestry: what it started from, what that started from, and so on; the last is a file or ``random weights``.
        pinned: people chose it.
    """

    round_id: int
    checkpoint: Path
    trained: Trained
    trained_at: datetime
    settings: Settings
    calibrations: Mapping[str, Calibration]
    ancestry: tuple[str, ...]
    pinned: bool = False


def round_students(project: Project, ledger: Ledger) -> list[RoundStudent]:
    """Return the students of all rounds that trained one, in order; those of abandoned rounds are left out."""
    found: dict[int, RoundStudent] = {}
    with ledger.held():
        pinned = ledger.pinned_student()
        for this in standing_rounds(ledger):
            student = _student(RoundContext(project, ledger, this.round_id), found, pinned)
            if student is not None:
                found[this.round_id] = student
    return list(found.values())


def chosen_student(project: Project, ledger: Ledger, round_id: int | None = None) -> RoundStudent:
    """Return the student of a round; by default the one that is pinned, else the newest.

    Raises:
        NotReady: no round has trained a student yet. UnknownName: this one has not.
    """
    students = {student.round_id: student for student in round_students(project, ledger)}
    if not students:
        raise NotReady(f"no round has trained a student yet; run one first: fewframes run {project.option}")
    usual = next((student.round_id for student in students.values() if student.pinned), max(students))
    wanted = usual if round_id is None else round_id
    if wanted not in students:
        raise UnknownName("round with a student", str(wanted), map(str, students))
    return students[wanted]


def _student(context: RoundContext, before: Mapping[int, RoundStudent], pinned: int | None) -> RoundStudent | None:
    step = context.ledger.step(context.round_id, Trained.step)
    trained = context.result(Trained)
    if step is None or step.finished_at is None or trained is None or not trained.checkpoint:
        return None
    delivered = context.result(Propagated)
    told = delivered.calibration if delivered is not None else {}
    return RoundStudent(
        context.round_id,
        context.project.absolute(trained.checkpoint),
        trained,
        step.finished_at,
        context.of_step(Predicted.step).settings,
        {name: Calibration(one["slope"], one["offset"]) for name, one in told.items()},
        _ancestry(context.of_step(Trained.step), before),
        context.round_id == pinned,
    )


def _ancestry(context: RoundContext, before: Mapping[int, RoundStudent]) -> tuple[str, ...]:
    start = starting_round(context)
    if start is None:
        name = context.settings.student.init_weights
        return ("the network of depth" if name == OF_PROJECT else Path(name).name if name else RANDOM,)
    older = before.get(start[0])
    return (f"round {start[0]}", *(older.ancestry if older is not None else ()))
