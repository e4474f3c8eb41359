"""Commands that show how far a project is, and give its masks away."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from al_core.export import FORMATS
from al_core.project import Project
from flows.cli.options import existing, opened, project_option

if TYPE_CHECKING:
    from al_core.ledger.store import Ledger
    from al_core.stores.frames import FrameStore


@click.command()
@project_option
def status(root: Path) -> None:
    """Show every round: frames asked and answered, coverage, quality, times."""
    from rich.console import Console

    from tasks.report.tables import print_status

    print_status(existing(root), Console())


@click.command()
@project_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: report.html in the project.")
def report(root: Path, out: Path | None) -> None:
    """Write one self-contained HTML page: coverage, quality, time lines, frames with masks."""
    from tasks.report import write_report

    project, ledger, frames = _source(root)
    click.echo(f"report: {write_report(project, ledger, frames, out or project.root / 'report.html')}")


@click.command()
@project_option
@click.option(
    "--format",
    "name",
    required=True,
    type=click.Choice(list(FORMATS)),
    help="What to write.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File or folder to write.")
@click.option("--provenance", help="Comma-separated: human, propagated, teacher. Default: all.")
@click.option("--video", "videos", multiple=True, help="Only this video; may be given again.")
@click.option("--round", "round_id", type=click.IntRange(1), help="Masks as that round delivered them.")
@click.option("--human-frames", is_flag=True, help="Only the frames that people labelled.")
@click.option("--images/--no-images", default=True, show_default=True, help="Write the frames too, where it has them.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier export.")
@click.option(
    "--split", metavar="train=0.8,val=0.2", help="A folder per split, videos whole; tells what leaks over it."
)
@click.option("--seed", default=0, show_default=True, help="Of the split.")
def export(
    root: Path,
    name: str,
    out: Path,
    provenance: str | None,
    videos: tuple[str, ...],
    round_id: int | None,
    human_frames: bool,
    images: bool,
    overwrite: bool,
    split: str | None,
    seed: int,
) -> None:
    """Write the labelled videos in a format that other tools read."""
    from rich.console import Console

    from al_core.export.contents import ExportOptions, parse_provenances
    from al_core.export.splits import parse_shares
    from tasks.progress import progress_of, terminal_progress
    from tasks.project.export import ExportReport, SplitReport, export_project, export_splits

    source = _source(root)
    console = Console()
    options = ExportOptions(parse_provenances(provenance), human_frames, images, overwrite=overwrite)
    more: dict[str, Any] = {
        "round_id": round_id,
        "videos": videos or None,
        "on_progress": progress_of(f"export {name}"),
    }
    with terminal_progress(console):
        done: ExportReport | SplitReport
        if split is None:
            done = export_project(*source, name, out, options, **more)
        else:
            done = export_splits(*source, name, out, parse_shares(split), seed, options, **more)
    console.print(done.describe(), highlight=False)


def _source(root: Path) -> "tuple[Project, Ledger, FrameStore]":
    from tasks.project.ingest import open_last_frames

    project, ledger = opened(root)
    return project, ledger, open_last_frames(project, ledger)
