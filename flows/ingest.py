"""Bring videos into a project as a flow: for schedules and triggers, where nobody sits at a terminal."""

from collections.abc import Sequence
from logging import ERROR, INFO, WARNING
from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, State

from al_core.footage.sources import DEFAULT_CATEGORY
from al_core.project import Project
from al_core.records import Identities
from tasks.ledger.client import open_ledger
from tasks.project.ingest import IngestReport, Outcome, ingest_paths
from tasks.report.formatting import many
from tasks.scheduling.deployed_runs import DEPLOYED, noted


@flow(name="ingest", flow_run_name="ingest into {project.root.name}", validate_parameters=False)
def ingest(
    project: Project,
    paths: Sequence[Path],
    *,
    identities: Identities = Identities.PERSISTENT,
    category: str = DEFAULT_CATEGORY,
    masks: Path | None = None,
) -> IngestReport:
    """Take in what is new below some paths and log what became of each (see ``tasks.project.ingest.ingest_paths``).

    A folder may be given again and again: what is known already is only hashed.
    """
    report = _ingest(project, paths, identities, category, masks)
    logger = get_run_logger()
    for entry in report.entries:
        logger.log(ERROR if entry.outcome == Outcome.FAILED else INFO, entry.describe())
    for line in report.not_taken:
        logger.log(WARNING, line)
    return report


@flow(name="ingest", **DEPLOYED)
def take_in(project: str, paths: list[str]) -> State:
    """Take in what is new below some paths; what a Prefect deployment runs.

    Args:
        project: its folder.
        paths: of video files, folders of frames and DAVIS-layout folders.
    """
    place = Project.at(project)
    with noted(place):
        report = ingest.fn(place, [Path(path) for path in paths])
    failed = len(report.failed)
    looked_at = f"{many(len(report.entries), 'video')} looked at, {failed} of them cannot be taken in"
    others = len(report.passed_over)
    return Completed(message=f"{looked_at}; {many(others, 'other file')} passed over" if others else looked_at)


# The ledger knows what was ingested; the orchestrator is not asked to remember it as well.
@task(name="ingest", cache_policy=NO_CACHE, persist_result=False)
def _ingest(
    project: Project, paths: Sequence[Path], identities: Identities, category: str, masks: Path | None
) -> IngestReport:
    return ingest_paths(open_ledger(project), paths, identities=identities, category=category, masks=masks)
