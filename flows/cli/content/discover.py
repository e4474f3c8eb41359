"""The command that finds objects where nobody has labelled."""

from pathlib import Path

import click

from flows.cli.options import opened, project_option, terminal


@click.command()
@click.argument("videos", nargs=-1)
@project_option
@click.option("--method", help="How to look; default: discovery.methods of the settings, else motion.")
@click.option(
    "--shapes",
    type=click.Path(path_type=Path),
    help="For --method scribbles: a folder of masks of other pictures, or another project.",
)
@click.option("--again", is_flag=True, help="Look also where it was looked before.")
@click.option("--forget", is_flag=True, help="Forget what was found, so that people start from nothing.")
def discover(
    videos: tuple[str, ...], root: Path, method: str | None, shapes: Path | None, again: bool, forget: bool
) -> None:
    """Find objects where nobody has labelled, as masks that people start from: what moves by itself, or by --method.

    All videos are looked at, or those that are named. What is found is shown on the page to be accepted, corrected or
    deleted; it is no label, and is neither exported nor counted. Stopped in the middle, the same command goes on with
    the video where it was.
    """
    from tasks.discovery.finding import discover as find
    from tasks.discovery.finding import forget as forget_found
    from tasks.progress import progress_of, terminal_progress
    from tasks.project.run_settings import settings_in_force
    from tasks.report.formatting import many

    project, ledger = opened(root)
    left_out = ledger.excluded_videos()
    known = [ledger.video(name) for name in videos] or [v for v in ledger.videos() if v.video_id not in left_out]
    if not known:
        raise click.ClickException(f"{project.root} holds no video yet; take some in with: fewframes ingest PATH")
    if forget:
        click.echo(f"what was found in {many(forget_found(project, ledger, known), 'video')} is forgotten")
        return
    with terminal_progress(terminal()):
        progress = progress_of("discover")
        for found in find(project, ledger, settings_in_force(ledger), known, progress, again, method, shapes):
            click.echo(found.describe())
