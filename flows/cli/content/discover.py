"""The command that finds what moves before anybody has labelled."""

from pathlib import Path

import click

from flows.cli.options import opened, project_option, terminal


@click.command()
@click.argument("videos", nargs=-1)
@project_option
@click.option("--again", is_flag=True, help="Look also where it was looked before.")
def discover(videos: tuple[str, ...], root: Path, again: bool) -> None:
    """Find what moves by itself, as masks that people start from in the first round.

    All videos are looked at, or those that are named. What is found is shown on the page to be accepted, corrected or
    deleted; it is no label, and is neither exported nor counted. Stopped in the middle, the same command goes on with
    the video where it was.
    """
    from tasks.discovery.finding import discover as find
    from tasks.progress import progress_of, terminal_progress
    from tasks.project.run_settings import settings_in_force

    project, ledger = opened(root)
    known = [ledger.video(name) for name in videos] or ledger.videos()
    if not known:
        raise click.ClickException(f"{project.root} holds no video yet; take some in with: fewframes ingest PATH")
    with terminal_progress(terminal()):
        for found in find(project, ledger, settings_in_force(ledger), known, progress_of("discover"), again):
            click.echo(found.describe())
