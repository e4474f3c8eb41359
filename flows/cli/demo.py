"""The demo: a whole campaign on real footage with a simulated annotator, from frames to an overlay video."""

from pathlib import Path

from rich.console import Console

from al_core.errors import FewframesError
from al_core.export.contents import ExportOptions
from al_core.project import Project
from al_core.records import Identities
from al_core.settings import load_settings
from tasks.ledger.client import at_hand, open_ledger
from tasks.processes.project_log import RUN_LOG, logging_to
from tasks.progress import progress_of, terminal_progress
from tasks.project.demo import IDENTITIES, demo_data
from tasks.project.export import export_project
from tasks.project.ingest import ingest_paths, open_frames
from tasks.report import write_report
from tasks.report.tables import print_status, round_line
from tasks.scheduling.prefect_server import prefect_server


def run_demo(data: Path | None, root: Path | None, console: Console) -> None:
    """Ingest, run the campaign, write report and overlay videos. A finished demo is only shown again.

    Args:
        data: folder in DAVIS layout with masks; None takes real cells under the microscope.
        root: folder of the demo's project; None takes one per footage below ``runs``, so that they never mix.
    """
    project = Project.at(root or Path("runs") / (f"demo-{data.resolve().name}" if data else "demo"))
    ledger = open_ledger(project)
    settings = load_settings("demo")
    source, identities = (data, Identities.PERSISTENT) if data else (demo_data(console), IDENTITIES)
    with terminal_progress(console):
        report = ingest_paths(ledger, [source], identities=identities, on_progress=progress_of("ingest"))
    for entry in report.entries:
        console.print(entry.describe(), highlight=False)
    if report.failed:
        raise FewframesError(f"the demo needs all of its footage: {report.failed[0].describe()}")
    with (
        logging_to(project.root / RUN_LOG),
        prefect_server(project.prefect_home),
        at_hand(project),
        terminal_progress(console),
    ):
        from flows.campaign import run_campaign

        outcome = run_campaign(project, settings, lambda done: console.print(round_line(project, done.round_id)))
    print_status(project, console)
    console.print(f"The campaign is over: {outcome.stop_reason}", highlight=False)
    frames = open_frames(project, ledger, settings.frames)
    page = write_report(project, ledger, frames, project.root / "report.html")
    with terminal_progress(console):
        overlay = project.root / "overlay"
        options = ExportOptions(overwrite=True)
        on_progress = progress_of("overlay video")
        export_project(project, ledger, frames, "overlay-mp4", overlay, options, on_progress=on_progress)
    console.print(f"report: {page}\noverlay video: {overlay}", highlight=False)
