"""The report of a project as a flow, for schedules."""

from pathlib import Path

from prefect import flow
from prefect.states import Completed, State

from al_core.project import Project
from tasks import report
from tasks.ledger.client import open_ledger
from tasks.project.ingest import open_last_frames
from tasks.scheduling.deployed_runs import DEPLOYED, noted


@flow(name="report", **DEPLOYED)
def write_report(project: str, out: str = "") -> State:
    """Write the report of a project; what a Prefect deployment runs.

    Args:
        project: its folder.
        out: file to write; ``report.html`` in the project when empty.
    """
    place = Project.at(project)
    with noted(place):
        ledger = open_ledger(place)
        target = Path(out) if out else place.root / "report.html"
        path = report.write_report(place, ledger, open_last_frames(place, ledger), target)
    return Completed(message=str(path))
