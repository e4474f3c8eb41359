"""The command on cuts: where a video changes to another scene, as it was found at ingest and as people say."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.cli.options import opened, plain_table, project_option
from tasks.processes.surroundings import user_name

if TYPE_CHECKING:
    from al_core.ledger.store import Ledger
    from al_core.records import Video


@click.command()
@click.argument("video")
@project_option
@click.option("--add", metavar="120,480", help="Frames with which a shot begins.")
@click.option("--remove", metavar="300", help="Frames with which none begins after all.")
def cuts(video: str, root: Path, add: str | None, remove: str | None) -> None:
    """List the cuts of a video, and correct them.

    Nothing is carried, linked or compared over a cut. Of frames that show the same thing people are asked for one. A
    video that an earlier version took in is searched first. Corrections hold from the next round on.
    """
    from rich.console import Console

    from tasks.progress import progress_of, terminal_progress
    from tasks.project.ingest import search_known

    _, ledger = opened(root)
    found = ledger.video(video)
    console = Console(stderr=True)
    with terminal_progress(console):
        search_known(ledger, found, progress_of("cuts"))
    if add is not None or remove is not None:
        click.echo(_corrected(ledger, found, *(_frames(found, text) for text in (add, remove))))
    _list(ledger, found)


def _frames(video: "Video", text: str | None) -> list[int]:
    from al_core.footage.unseen import frame_choice
    from tasks.imports.holding_out import chosen_frames

    return [] if text is None else chosen_frames(video, frame_choice(text))


def _corrected(ledger: "Ledger", video: "Video", add: list[int], remove: list[int]) -> str:
    changed = ledger.correct_cuts(video.video_id, add, remove, user_name())
    if not changed:
        return f"{video.name}: nothing changes, the cuts are as you say"
    last = ledger.last_round()
    told = (
        f"{video.name}: {changed} {'cut' if changed == 1 else 'cuts'} changed; rounds that begin from now on go by it"
    )
    return told + (f", round {last.round_id} goes on without" if last and last.status == "running" else "")


def _list(ledger: "Ledger", video: "Video") -> None:
    from rich.console import Console

    from al_core.records import ONE_SHOT
    from tasks.report.formatting import clock

    shots = ledger.shots().get(video.video_id, ONE_SHOT)
    times_us = ledger.frame_times_us(video.video_id)
    table = plain_table("shot", "frames", "begins at")
    for number, shot in enumerate(shots.ranges(video.n_frames), start=1):
        begins = clock(int(times_us[shot.start] - times_us[0]))
        table.add_row(f"{number}", f"{shot.start} to {shot[-1]}", begins)
    Console().print(table)
    for stretch in shots.repeats:
        click.echo(f"frames {stretch.start} to {stretch[-1]} show the same: people are asked for one of them")
