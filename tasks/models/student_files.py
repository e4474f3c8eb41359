"""Write a student as files that work without fewframes: config, checkpoint, model card and, where it can be, ONNX."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from al_core.errors import BadSettings, NotReady, OutputExists
from al_core.export.palette import TRACK_COLOURS, rgb
from al_core.files import replaced
from al_core.fingerprint import fingerprint_file
from al_core.footage.images import working_size
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.students.plain_mmdet import PlainModel, plain_model
from tasks.models.model_card import CardContent, model_card
from tasks.models.round_students import RoundStudent
from tasks.project.export import labels_of_round

CONFIG, CHECKPOINT, CARD, ONNX = "config.py", "model.pth", "README.md", "model.onnx"

MOST = 1 << 16
"""More pixels than any side of a frame has."""


@dataclass(frozen=True, slots=True)
class WrittenStudent:
    """What was written: where, whose weights, and the names of the files."""

    out: Path
    member: str
    files: tuple[str, ...]


def write_student(
    project: Project,
    ledger: Ledger,
    student: RoundStudent,
    out: Path,
    member: str | None = None,
    onnx: Callable[[PlainModel, Path], str] | None = None,
    overwrite: bool = False,
) -> WrittenStudent:
    """Write one member of a student into a folder, which appears whole or not at all.

    Args:
        member: ``student``, or the name of a teacher; by default the one that changes slowest.
        onnx: writes the model to a file too, and says how its outputs are read.
        overwrite: replace an earlier one.

    Raises:
        OutputExists: there is something in ``out``, or something else than a student to be replaced.
        BadCheckpoint: the student's file is gone or damaged. UnknownName: it holds no such member.
    """
    _check_free(out, overwrite)
    model = plain_model(
        student.checkpoint,
        [rgb(colour) for colour in TRACK_COLOURS],
        _long_side(ledger, student),
        student.settings.teachers.score_threshold,
        member,
    )
    try:
        with replaced(out) as folder:
            folder.mkdir(parents=True)
            model.write(folder / CONFIG, folder / CHECKPOINT)
            told = onnx(model, folder / ONNX) if onnx is not None else ""
            names = (CONFIG, CHECKPOINT, *((ONNX,) if onnx is not None else ()))
            hashes = {name: fingerprint_file(folder / name) for name in names}
            content = _content(project, ledger, student, model, hashes, told)
            (folder / CARD).write_text(model_card(content), encoding="utf-8")
    except (PermissionError, NotADirectoryError) as error:
        raise BadSettings(f"expected a folder that can be written, got {out}: {error.strerror}") from None
    return WrittenStudent(out, model.member, (*names, CARD))


def onnx_writer(ledger: Ledger) -> Callable[[PlainModel, Path], str]:
    """Return what writes a model as an ONNX graph, for images with the sides of the project's longest video.

    Raises:
        NotReady: the project has no videos, so that no size of images is known.
    """
    # Who writes no graph need not load what makes one.
    from al_core.students.onnx_graph import write_onnx

    videos = ledger.videos()
    if not videos:
        raise NotReady("an ONNX graph is for images of one size, and the project has no video that gives it")
    longest = max(videos, key=lambda video: video.n_frames)

    def write(model: PlainModel, path: Path) -> str:
        size = working_size(longest.height, longest.width, model.long_side)
        return write_onnx(model, path, size)

    return write


def _check_free(out: Path, overwrite: bool) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not overwrite:
        raise OutputExists(f"{out} is there already: choose another name, or say that it may be overwritten")
    if not {CONFIG, CHECKPOINT, CARD} <= {path.name for path in out.iterdir() if out.is_dir()}:
        raise OutputExists(f"{out} holds something else than a student: it is not overwritten")


def _long_side(ledger: Ledger, student: RoundStudent) -> int:
    """Return the size at which the student saw the frames of this project, which are never enlarged."""
    settings = student.settings
    sides = [max(video.height, video.width) for video in ledger.videos()]
    largest = [max(sides)] if sides else []
    return min(settings.student.long_side, settings.frames.working_long_side, *largest)


def _content(
    project: Project, ledger: Ledger, student: RoundStudent, model: PlainModel, hashes: dict[str, str], onnx: str
) -> CardContent:
    with ledger.held():
        return CardContent(
            project.root.name,
            student,
            model,
            {video.video_id: video.name for video in ledger.videos()},
            ledger.category_names(),
            labels_of_round(ledger, student.round_id),
            ledger.quality(student.round_id),
            hashes,
            onnx,
        )
