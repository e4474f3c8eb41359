"""The export of a project's labels as a flow, for schedules."""

from pathlib import Path

from prefect import flow
from prefect.states import Completed, State

from al_core.export.contents import ExportOptions
from al_core.project import Project
from tasks.ledger.client import open_ledger
from tasks.project.export import export_project
from tasks.project.ingest import open_last_frames
from tasks.scheduling.deployed_runs import DEPLOYED, noted


@flow(name="export", **DEPLOYED)
def export(project: str, form: str, out: str) -> State:
    """Write the labelled videos, in the place of an earlier export; what a Prefect deployment runs.

    Args:
        project: its folder.
        form: a key of ``al_core.export.FORMATS``.
        out: file or folder to write.
    """
    place = Project.at(project)
    with noted(place):
        ledger = open_ledger(place)
        done = export_project(
            place, ledger, open_last_frames(place, ledger), form, Path(out), ExportOptions(overwrite=True)
        )
    return Completed(message=done.describe())
