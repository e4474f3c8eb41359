"""Commands on frames that are held out: people label them, and the loop never learns from them."""

from pathlib import Path

import click

from flows.cli.options import opened, plain_table, project_option, readable_project_option, terminal
from tasks.processes.surroundings import user_name


@click.group()
def holdout() -> None:
    """Hold frames out, on which people measure quality and from which the loop never learns."""


@holdout.command("add")
@click.argument("video")
@project_option
@click.option("--frames", "choice", metavar="0,50,100-120", help="Only these.  [default: the whole video]")
@click.option(
    "--ask",
    default=10,
    show_default=True,
    type=click.IntRange(0),
    help="For how many of them people are asked, spread evenly; with --frames for all of them.",
)
def add_holdout(video: str, root: Path, choice: str | None, ask: int) -> None:
    """Hold frames of a video out, and put some of them before people.

    They come in the queue once no round waits for a label, and are shown without masks.
    """
    from al_core.footage.unseen import frame_choice
    from tasks.imports.holding_out import hold_out_frames

    _, ledger = opened(root)
    click.echo(hold_out_frames(ledger, video, frame_choice(choice), ask, user_name()))


@holdout.command("remove")
@click.argument("video")
@project_option
@click.option("--frames", "choice", metavar="0,50,100-120", help="Only these.  [default: all that are held out]")
def remove_holdout(video: str, root: Path, choice: str | None) -> None:
    """Let the loop ask for frames again that were held out."""
    from al_core.footage.unseen import frame_choice
    from tasks.imports.holding_out import give_back_frames

    _, ledger = opened(root)
    click.echo(give_back_frames(ledger, video, frame_choice(choice), user_name()))


@holdout.command("list")
@readable_project_option
def list_holdout(root: Path) -> None:
    """List what is held out, and how far its labels are."""
    _, ledger = opened(root)
    names = {video.video_id: (video.name, video.n_frames) for video in ledger.videos()}
    table = plain_table("video", "held out", "of frames", "asked", "labelled")
    for row in ledger.held_out():
        name, n_frames = names[row.video_id]
        table.add_row(name, f"{row.frames:,}", f"{n_frames:,}", f"{row.asked:,}", f"{row.answered:,}")
    terminal().print(table)


@holdout.command("measure")
@project_option
def measure(root: Path) -> None:
    """Measure what every round delivered on the held-out frames that are labelled by now.

    Each round does so at its end; this is for labels that came since.
    """
    from tasks.imports.holding_out import measured_in_words
    from tasks.steps.audit import measure_holdout

    project, ledger = opened(root)
    measure_holdout(project, ledger)
    click.echo(measured_in_words(ledger))
