"""Commands on the videos of a project: which the loop works on, in which order, by whom, and where they lie."""

from pathlib import Path

import click

from flows.cli.options import opened, plain_table, project_option, readable_project_option, terminal
from tasks.processes.surroundings import user_name

PRIORITIES = click.IntRange(-1000, 1000)


@click.group()
def video() -> None:
    """List, leave out, order, assign, find again and purge videos."""


@video.command("list")
@readable_project_option
def list_videos(root: Path) -> None:
    """List the videos, and what was decided about each."""
    _, ledger = opened(root)
    with ledger.held():
        found, cares, names = ledger.videos(), ledger.video_cares(), ledger.categories()
    table = plain_table("video", "frames", "priority", "people", "categories", "state", "footage")
    for this in found:
        care = cares[this.video_id]
        state = "in the loop" if care.excluded is None else f"excluded {care.excluded}".strip()
        state += "" if Path(this.uri).exists() else ", footage is gone"
        kinds = ", ".join(names[number] for number in care.category_ids)
        who = ", ".join(care.assignees) or "everybody"
        table.add_row(this.name, f"{this.n_frames:,}", str(care.priority), who, kinds, state, this.uri)
    terminal().print(table)


@video.command("exclude")
@click.argument("name")
@project_option
@click.option("--reason", default="", help="Why; people see it in the list of videos.")
def exclude(name: str, root: Path, reason: str) -> None:
    """Leave a video out of choosing, training, prediction and coverage; its labels stay.

    A round whose answers are complete goes on with what it had.
    """
    from tasks.report.formatting import many

    _, ledger = opened(root)
    done = ledger.exclude_video(ledger.video(name).video_id, user_name(), reason)
    in_hand = f", {many(done.in_hand, 'of them is', 'of them are')} in hand and may be finished" if done.in_hand else ""
    click.echo(
        f"{name} is excluded; {many(done.labels, 'answer stays', 'answers stay')} stored, "
        f"{many(done.closed, 'open request')} ended{in_hand}"
    )


@video.command("include")
@click.argument("name")
@project_option
def include(name: str, root: Path) -> None:
    """Take a video back into the loop that was excluded."""
    _, ledger = opened(root)
    ledger.include_video(ledger.video(name).video_id, user_name())
    click.echo(f"{name} is in the loop again; the next round may ask for its frames")


@video.command("priority", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("priority", type=PRIORITIES)
@project_option
def prioritise(name: str, priority: int, root: Path) -> None:
    """Hand the frames of a video out before those of videos with less priority, on our page; 0 is usual."""
    _, ledger = opened(root)
    ledger.set_priority(ledger.video(name).video_id, priority, user_name())
    click.echo(f"{name} has priority {priority}; within a round its frames are handed out by that")


@video.command("assign")
@click.argument("name")
@click.argument("people", nargs=-1)
@project_option
def assign(name: str, people: tuple[str, ...], root: Path) -> None:
    """Hand the frames of a video to these people only, on our page; to everybody without any."""
    _, ledger = opened(root)
    ledger.assign_video(ledger.video(name).video_id, people, user_name())
    click.echo(f"{name}: its frames go to {', '.join(dict.fromkeys(people)) or 'everybody'}")


@video.command("relocate")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@project_option
def find_again(paths: tuple[Path, ...], root: Path) -> None:
    """Find footage that was moved or renamed, by its content, below these paths."""
    from tasks.curation.moved_footage import relocate
    from tasks.progress import progress_of, terminal_progress

    console = terminal()
    _, ledger = opened(root)
    with terminal_progress(console):
        moves = relocate(ledger, paths, progress_of("relocate"))
    for this, before in moves.moved:
        console.print(f"{this.name}: {before} is now {this.uri}", soft_wrap=True)
    if not moves.moved:
        console.print("Nothing was moved.")
    if moves.missing:
        names = ", ".join(this.name for this in moves.missing)
        raise click.ClickException(f"the footage of {names} was not found there; name other folders")


@video.command("purge")
@click.argument("name")
@project_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge_video(name: str, root: Path, yes: bool) -> None:
    """Delete every trace of a video from the project, labels too; the footage itself stays where it is."""
    from tasks.curation.removal import planned_purge, purge

    project, ledger = opened(root)
    for line in planned_purge(project, ledger, name).describe():
        click.echo(line)
    if not yes:
        click.confirm(f"Delete all of this for good, and {name} with it?", abort=True)
    done = purge(project, ledger, name, user_name())
    click.echo(f"{name} is purged: {sum(done.traces.rows.values()):,} rows and {len(done.files):,} files are gone")
