"""The command that labels footage which no project holds."""

from pathlib import Path

import click

from flows.cli.options import FORMATS_METAVAR, ExportFormat, opened, readable_project_option, terminal


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@readable_project_option
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write; an earlier one goes on.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=["coco"],
    show_default=True,
    type=ExportFormat(),
    metavar=FORMATS_METAVAR,
    help="What to write; may be given again.",
)
@click.option("--round", "round_id", type=click.IntRange(1), help="Take that round's student.  [default: the newest]")
@click.option("--stride", default=1, show_default=True, type=click.IntRange(1), help="Look at every n-th frame only.")
@click.option("--frames", "choice", metavar="0,5,10-20", help="Look at these frames only, of each video.")
@click.option("--separate", is_flag=True, help="Images in folders are pictures by themselves, not frames of a video.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="How sure it must be that an object exists.  [default: propagation.new_object_threshold of the round]",
)
@click.option("--min-confidence", default=0.0, type=click.FloatRange(0, 1), help="Leave out masks below it.")
@click.option("--empty", is_flag=True, help="Also coco and yolo-seg get frames in which nothing was found, as empty.")
@click.option("--images/--no-images", default=True, show_default=True, help="Write the frames too, where it has them.")
@click.option("--overwrite", is_flag=True, help="Replace what another student labelled in the same folder.")
def predict(
    paths: tuple[Path, ...],
    root: Path,
    out: Path,
    formats: tuple[str, ...],
    round_id: int | None,
    stride: int,
    choice: str | None,
    separate: bool,
    threshold: float | None,
    min_confidence: float,
    empty: bool,
    images: bool,
    overwrite: bool,
) -> None:
    """Label new footage with the student of a project.

    Takes videos, folders of frames, and pictures. The project is only read. Stopped in the middle, the same command
    goes on with the video at which it was.
    """
    from al_core.export.contents import ExportOptions
    from al_core.footage.discovery import not_taken
    from al_core.footage.unseen import frame_choice, unseen
    from tasks.models.new_footage import Wanted, label_footage
    from tasks.models.round_students import chosen_student
    from tasks.progress import progress_of, terminal_progress

    options = ExportOptions(min_confidence=min_confidence, empty=empty, images=images, overwrite=True)
    wanted = Wanted(tuple(dict.fromkeys(formats)), stride, frame_choice(choice), threshold, options, overwrite)
    found = unseen(paths, separate)
    project, ledger = opened(root)
    student = chosen_student(project, ledger, round_id)
    with terminal_progress(terminal()):
        done = label_footage(ledger, student, found.sources, out.absolute(), wanted, progress_of)
    click.echo(f"student of round {student.round_id}, trained on {student.trained.learned_from()}")
    for line in (*done.describe(), *not_taken(found.passed_over)):
        click.echo(line)
    click.echo(f"uncertainty of every frame: {out / 'uncertainty.csv'}")
    if done.failed:
        total = len(done.failed) + len(done.labelled) + len(done.known)
        raise click.ClickException(f"{len(done.failed)} of {total} could not be labelled (see above)")
