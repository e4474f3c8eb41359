"""Commands on frames that are held out: people label them, and the loop never learns from them."""

from pathlib import Path

import click

from flows.cli.options import opened, plain_table, project_option, readable_project_option, terminal
from tasks.processes.surroundings import user_name

MOST_FRAMES = 10_000_000
"""More than any video has."""


class FrameNumbers(click.ParamType):
    """Frame numbers on the command line, such as ``0,50,100-120``."""

    name = "FRAMES"

    def convert(self, value: str | list[int], param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Read numbers and ranges, both ends included; each number once, rising."""
        if isinstance(value, list):
            return value
        found: set[int] = set()
        for part in value.split(","):
            first, dash, last = part.strip().partition("-")
            if not first.isdecimal() or (dash and not last.isdecimal()):
                self.fail(f"frames are numbers and ranges, e.g. 0,50,100-120, got {value!r}", param, ctx)
            numbers = range(int(first), int(last or first) + 1)
            if not 0 < len(numbers) <= MOST_FRAMES:
                self.fail(f"a range goes from a frame to a later one of the same video, got {part!r}", param, ctx)
            found.update(numbers)
        return sorted(found)


@click.group()
def holdout() -> None:
    """Hold frames out, on which people measure quality and from which the loop never learns."""


@holdout.command("add")
@click.argument("video")
@project_option
@click.option("--frames", type=FrameNumbers(), help="Only these, e.g. 0,50,100-120.  [default: the whole video]")
@click.option(
    "--ask",
    default=10,
    show_default=True,
    type=click.IntRange(0),
    help="For how many of them people are asked, spread evenly; with --frames for all of them.",
)
def add_holdout(video: str, root: Path, frames: list[int] | None, ask: int) -> None:
    """Hold frames of a video out, and put some of them before people.

    They come in the queue once no round waits for a label, and are shown without masks.
    """
    from tasks.imports.holding_out import hold_out_frames

    _, ledger = opened(root)
    click.echo(hold_out_frames(ledger, video, frames, ask, user_name()))


@holdout.command("remove")
@click.argument("video")
@project_option
@click.option("--frames", type=FrameNumbers(), help="Only these.  [default: all that are held out]")
def remove_holdout(video: str, root: Path, frames: list[int] | None) -> None:
    """Let the loop ask for frames again that were held out."""
    from tasks.report.formatting import many

    _, ledger = opened(root)
    done = ledger.end_holdout(ledger.video(video).video_id, frames, user_name())
    click.echo(f"{video}: {many(done, 'frame')} no longer held out; rounds may ask for that")


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
