"""Commands that show how far a project is, and give its masks away."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from al_core.export import NEXT_STEP, WITH_SCANS
from al_core.project import Project
from flows.cli.edge import uncollected
from flows.cli.options import (
    FORMATS_METAVAR,
    PAGE_FILE,
    ExportFormat,
    existing,
    opened,
    readable_project_option,
    terminal,
)

if TYPE_CHECKING:
    from al_core.ledger.store import Ledger
    from al_core.stores.frames import FrameStore


@click.command()
@readable_project_option
@uncollected()
def status(root: Path) -> None:
    """Show every round: frames asked and answered, how many have masks, quality, times."""
    from tasks.report.tables import print_status

    print_status(existing(root), terminal())


@click.command()
@click.argument("section", required=False)
@readable_project_option
@click.option("--all", "everything", is_flag=True, help="Also those that are as by default.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@uncollected()
def settings(section: str | None, root: Path, everything: bool, form: str) -> None:
    """Show which settings are in force, what is default, and which changes wait for the next round.

    SECTION, e.g. selection or selection.strategy, shows all of one section, or one setting.
    """
    from tasks.report.setting_rows import view_settings

    project, ledger = opened(root)
    view = view_settings(ledger)
    if section is not None:
        chosen = view.chosen(section)
    elif everything or form == "json":
        chosen = view
    else:
        chosen = view.short()
    if form == "json":
        import json

        click.echo(json.dumps(chosen.to_json(), indent=2))
        return
    from tasks.report.setting_tables import print_settings

    print_settings(project, view, chosen, terminal())


@click.command()
@readable_project_option
@click.option("--out", type=PAGE_FILE, help="Default: report.html in the project.")
def report(root: Path, out: Path | None) -> None:
    """Write one self-contained HTML page: coverage, quality, time lines, frames with masks."""
    from al_core.ledger.file.soundness import is_read_only
    from tasks.progress import progress_of, terminal_progress
    from tasks.report import write_report

    project, ledger, frames = _source(root)
    if out is None and is_read_only(project.ledger_path):
        raise click.UsageError(f"{project.root} is read-only: name a place that can be written with --out")
    with terminal_progress(terminal()):
        page = write_report(project, ledger, frames, out or project.root / "report.html", progress_of("report"))
    click.echo(f"report: {page}")


@click.command()
@readable_project_option
@click.option(
    "--format",
    "name",
    required=True,
    type=ExportFormat(scans=True),
    metavar=FORMATS_METAVAR.replace("PLUG-IN", f"{'|'.join(WITH_SCANS)}|PLUG-IN"),
    help="What to write; points: labels of the points of a lidar.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File or folder to write.")
@click.option("--provenance", help="Comma-separated: human, accepted, propagated, teacher. Default: all.")
@click.option(
    "--only", type=click.Choice(["certified"]), help="Masks of people, and those that a certificate accepted."
)
@click.option("--video", "videos", multiple=True, help="Only this video; may be given again.")
@click.option("--round", "round_id", type=click.IntRange(1), help="Masks as that round delivered them.")
@click.option("--human-frames", is_flag=True, help="Only the frames that people labelled.")
@click.option(
    "--fresh", is_flag=True, help="Answers that came after the round stand in for its masks, in their frames."
)
@click.option("--held-out", is_flag=True, help="Only what people said of held-out frames.")
@click.option(
    "--min-confidence", default=0.0, type=click.FloatRange(0, 1), help="Leave out the machine's masks below it."
)
@click.option(
    "--empty",
    is_flag=True,
    help="Also coco and yolo-seg get frames that nobody saw and that hold nothing, as empty.",
)
@click.option("--images/--no-images", default=True, show_default=True, help="Write the frames too, where it has them.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier export.")
@click.option("--lidar", type=click.Path(path_type=Path), help="For points: folder of scans, named as the frames.")
@click.option(
    "--calibration", type=click.Path(path_type=Path), help="For points: KITTI's or JSON, one file or one a frame."
)
@click.option("--split", metavar="train=0.8,val=0.2", help="Splits of whole videos; tells what leaks over them.")
@click.option("--seed", default=0, show_default=True, help="Of the split.")
def export(
    root: Path,
    name: str,
    out: Path,
    provenance: str | None,
    only: str | None,
    videos: tuple[str, ...],
    round_id: int | None,
    human_frames: bool,
    fresh: bool,
    held_out: bool,
    min_confidence: float,
    empty: bool,
    images: bool,
    overwrite: bool,
    lidar: Path | None,
    calibration: Path | None,
    split: str | None,
    seed: int,
) -> None:
    """Write the labelled videos in a format that other tools read."""
    from al_core.export.contents import ExportOptions, parse_provenances
    from al_core.export.splits import parse_shares
    from tasks.preflight.changed_footage import check_footage
    from tasks.progress import progress_of, terminal_progress
    from tasks.project.export import Choice, ExportReport, SplitReport, export_project, export_splits

    if (name in WITH_SCANS) != bool(lidar and calibration) or bool(lidar) != bool(calibration):
        raise click.UsageError("--lidar and --calibration go together, and with --format points")
    if only and provenance:
        raise click.UsageError("--only certified says whose masks go out: leave --provenance out")
    source = _source(root)
    if images:
        check_footage(source[0], source[1])
    console = terminal()
    options = ExportOptions(
        *(parse_provenances("human,accepted" if only else provenance), human_frames, images),
        overwrite=overwrite,
        min_confidence=min_confidence,
        empty=empty,
        lidar=lidar,
        calibration=calibration,
    )
    choice = Choice(round_id, videos or None, fresh, held_out)
    with terminal_progress(console):
        done: ExportReport | SplitReport
        tell = progress_of(f"export {name}")
        if split is None:
            done = export_project(*source, name, out, options, choice, tell)
        else:
            done = export_splits(*source, name, out, parse_shares(split), seed, options, choice, tell)
    click.echo(done.describe())
    if name in NEXT_STEP:
        click.echo(f"next: {NEXT_STEP[name].format(out=out.resolve())}")


def _source(root: Path) -> "tuple[Project, Ledger, FrameStore]":
    from tasks.project.ingest import open_last_frames

    project, ledger = opened(root)
    return project, ledger, open_last_frames(project, ledger)
