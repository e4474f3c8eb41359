"""Commands about the students of rounds: which there are, which one is used, and files of one for others."""

from pathlib import Path

import click

from flows.cli.options import opened, plain_table, project_option, readable_project_option, terminal
from tasks.processes.surroundings import user_name


@click.group()
def student() -> None:
    """List the students of the rounds, choose the one that is used, and give one away."""


@student.command("list")
@readable_project_option
def listed(root: Path) -> None:
    """Show each round's student: what it learned from, what it started from, and figures."""
    from al_core.records import whole_video
    from tasks.models.round_students import chosen_student, round_students

    project, ledger = opened(root)
    in_use = chosen_student(project, ledger).round_id
    table = plain_table("round", "trained (UTC)", "frames", "started from", "loss", "J&F", "file")
    for one in round_students(project, ledger):
        measured = whole_video(ledger.quality(one.round_id), "jf")
        frames = sum(row.n_frames for row in measured)
        jf = f"{sum(row.value * row.n_frames for row in measured) / frames:.3f}" if frames else "-"
        there = f"{one.checkpoint.stat().st_size / 1e6:,.0f} MB" if one.checkpoint.is_file() else "gone"
        loss = "-" if one.trained.loss is None else f"{one.trained.loss:.3f}"
        name = f"{one.round_id}{' pinned' if one.pinned else ' in use' if one.round_id == in_use else ''}"
        when = f"{one.trained_at:%Y-%m-%d %H:%M}"
        unlabelled = f" + {one.trained.unlabelled:,} unlabelled" if one.trained.unlabelled else ""
        table.add_row(name, when, f"{one.trained.labels:,}{unlabelled}", one.ancestry[0], loss, jf, there)
    terminal().print(table)


@student.command()
@click.argument("round_id", metavar="ROUND", required=False, type=click.IntRange(1))
@click.option("--newest", is_flag=True, help="Pin none: the newest student is used again.")
@project_option
def pin(round_id: int | None, newest: bool, root: Path) -> None:
    """Let the student of a round label new footage, and rounds that begin later start from it."""
    if (round_id is None) != newest:
        raise click.UsageError("name the round whose student is used, e.g. 3, or say --newest")
    _, ledger = opened(root)
    ledger.pin_student(round_id, user_name())
    if round_id is None:
        click.echo("The newest student is used again, and later rounds start from the round before.")
    else:
        click.echo(f"The student of round {round_id} is used, and rounds that begin from now on start from it.")


@student.command()
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@readable_project_option
@click.option(
    "--round", "round_id", type=click.IntRange(1), help="That round's student.  [default: the one that works]"
)
@click.option("--weights", help="Whose: student, or e.g. 'teacher 0.97 of seed 0'.  [default: the slowest teacher]")
@click.option("--onnx", is_flag=True, help="Also as an ONNX graph, where the student is an RTMDet-Ins.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier one.")
def export(out: Path, root: Path, round_id: int | None, weights: str | None, onnx: bool, overwrite: bool) -> None:
    """Write a student as files that plain mmdet loads, with a card that says what it learned from."""
    from tasks.models.round_students import chosen_student
    from tasks.models.student_files import onnx_writer, write_student

    project, ledger = opened(root)
    chosen = chosen_student(project, ledger, round_id)
    writer = onnx_writer(ledger) if onnx else None
    done = write_student(project, ledger, chosen, out, weights, writer, overwrite)
    click.echo(f"{done.out}: {done.member} of round {chosen.round_id}: {', '.join(done.files)}")
    click.echo(f"next: look at {done.out / 'README.md'}; it says how plain mmdet predicts with it")
