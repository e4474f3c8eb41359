"""Commands about answers that somebody else looks at."""

from pathlib import Path

import click

from flows.cli.options import opened, project_option, readable_project_option, terminal


@click.group()
def review() -> None:
    """List the answers that wait for a review, approve them, or return them to their author."""


reviewer_option = click.option("--by", required=True, help="The reviewer: somebody with that role, or a lead.")
frames_argument = click.argument("frames", nargs=-1, required=True, type=click.IntRange(0))


@review.command("list")
@readable_project_option
def list_due(root: Path) -> None:
    """Show the answers that wait for a review, those first that agree least with something."""
    from tasks.reviews.approvals import approvals_of, due_table

    project, ledger = opened(root)
    approvals = approvals_of(ledger)
    if not approvals.due:
        click.echo("No answer waits for a review.")
        return
    terminal().print(due_table(ledger))
    click.echo(f"{approvals.in_words()}.")
    if approvals.stuck:
        click.echo(approvals.mend(project.option))


@review.command()
@click.argument("video")
@frames_argument
@reviewer_option
@project_option
def approve(video: str, frames: tuple[int, ...], by: str, root: Path) -> None:
    """Say that the answers to FRAMES of a VIDEO are right."""
    from tasks.report.formatting import many
    from tasks.reviews.approvals import approve_frames

    click.echo(f"{many(approve_frames(opened(root)[1], video, frames, by), 'answer')} approved.")


@review.command("return")
@click.argument("video")
@frames_argument
@reviewer_option
@click.option("--note", required=True, help="What is to be done; the author sees it.")
@project_option
def return_answers(video: str, frames: tuple[int, ...], by: str, note: str, root: Path) -> None:
    """Send the answers to FRAMES of a VIDEO back to their authors, who get them first; they no longer count."""
    from tasks.report.formatting import many
    from tasks.reviews.approvals import return_frames

    click.echo(f"{many(return_frames(opened(root)[1], video, frames, by, note), 'answer')} returned.")
