"""The flows as Prefect deployments run them: plain values go in, a sentence comes out, and nobody sits at a terminal.

They call the very flows that the command line calls. None of them waits for people: a round that has to ends its run,
and the last answer or a schedule begins the next one.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.runtime import flow_run as this_run
from prefect.states import Completed, State

from al_core.errors import RunLocked
from al_core.project import Project
from flows.campaign import campaign_over, run_campaign
from flows.ingest import ingest as run_ingest
from flows.round import RoundOutcome, run_round
from tasks.ledger.client import open_ledger
from tasks.processes.run_lock import only_run
from tasks.project.ingest import open_last_frames
from tasks.project.run_settings import asked_settings
from tasks.report.formatting import many
from tasks.scheduling.events import need_of, tell_failed, tell_need
from tasks.scheduling.noted_runs import noted_run
from tasks.scheduling.prefect_server import without_heartbeat
from tasks.scheduling.published import published

_log = logging.getLogger(__name__)

# Steps that are done are not done again, so trying again costs little.
_RETRY: dict[str, Any] = {"retries": 1, "retry_delay_seconds": 10}


def _name() -> str:
    return f"{this_run.flow_name} of {Path(this_run.parameters['project']).name}"


def _failed(flow: Any, flow_run: Any, state: Any) -> None:
    """A hook of Prefect: the run has failed for good."""
    project = Project.at(flow_run.parameters["project"])
    tell_failed(project, open_ledger(project), state.message or "no reason is known")


@flow(name="round", flow_run_name=_name, on_failure=[_failed], **_RETRY)
def take_round(project: str, settings: str = "", changes: dict[str, Any] | None = None) -> State:
    """Begin the next round of a project, or go on with the unfinished one.

    Args:
        project: its folder.
        settings: a preset or file; what the last round ran with when empty.
        changes: settings by dotted name, e.g. ``{"selection.frames_per_round": 20}``.
    """
    place = Project.at(project)
    with _alone(place) as alone:
        if not alone:
            return Completed(message=_BUSY)
        asked = asked_settings(place, settings or None, changes or {})
        return _told(place, campaign_over(place, asked) or run_round.fn(place, asked))


@flow(name="campaign", flow_run_name=_name, on_failure=[_failed], **_RETRY)
def take_campaign(project: str, settings: str = "", changes: dict[str, Any] | None = None) -> State:
    """Run rounds of a project until people have to answer, or a stopping rule ends the campaign.

    Args:
        project, settings, changes: as for a round.
    """
    place = Project.at(project)
    with _alone(place) as alone, without_heartbeat():
        if not alone:
            return Completed(message=_BUSY)
        return _told(place, run_campaign.fn(place, asked_settings(place, settings or None, changes or {})))


@flow(name="ingest", flow_run_name=_name, on_failure=[_failed], **_RETRY)
def take_in(project: str, paths: list[str]) -> State:
    """Take in what is new below some paths.

    Args:
        project: its folder.
        paths: of video files, folders of frames and DAVIS-layout folders.
    """
    place = Project.at(project)
    with _noted(place):
        report = run_ingest.fn(place, [Path(path) for path in paths])
    failed = len(report.failed)
    return Completed(message=f"{many(len(report.entries), 'video')} looked at, {failed} of them cannot be taken in")


@flow(name="report", flow_run_name=_name, on_failure=[_failed], **_RETRY)
def write_report(project: str, out: str = "") -> State:
    """Write the report of a project.

    Args:
        project: its folder.
        out: file to write; ``report.html`` in the project when empty.
    """
    from tasks.report import write_report as write

    place = Project.at(project)
    with _noted(place):
        path = write(place, *_sources(place), Path(out) if out else place.root / "report.html")
    return Completed(message=str(path))


@flow(name="export", flow_run_name=_name, on_failure=[_failed], **_RETRY)
def export(project: str, form: str, out: str) -> State:
    """Write the labelled videos, in the place of an earlier export.

    Args:
        project: its folder.
        form: a key of ``al_core.export.FORMATS``.
        out: file or folder to write.
    """
    from al_core.export.contents import ExportOptions
    from tasks.project.export import export_project

    place = Project.at(project)
    with _noted(place):
        done = export_project(place, *_sources(place), form, Path(out), ExportOptions(overwrite=True))
    return Completed(message=done.describe())


_BUSY = "another process takes the rounds of this project on already"


@contextmanager
def _noted(project: Project) -> Iterator[None]:
    """Be known as the process of this run, and show people how far it is."""
    from prefect.settings import PREFECT_API_URL

    with ExitStack() as stack:
        if this_run.id is not None:
            stack.enter_context(noted_run(project.prefect_home, this_run.id))
        url = PREFECT_API_URL.value()
        if url:
            stack.enter_context(published(url, project.root.name))
        yield


@contextmanager
def _alone(project: Project) -> Iterator[bool]:
    """Be the one process that takes the rounds on; False where another one is."""
    with _noted(project), ExitStack() as stack:
        try:
            stack.enter_context(only_run(project.root))
        except RunLocked:
            yield False
        else:
            yield True


def _told(project: Project, outcome: RoundOutcome) -> State:
    for message in outcome.rejected:
        _log.warning("not taken: %s", message)
    if not outcome.waiting:
        over = f"; the campaign is over: {outcome.stop_reason}" if outcome.stop_reason else ""
        return Completed(message=f"round {outcome.round_id} is finished{over}")
    ledger = open_ledger(project)
    need = need_of(ledger)
    if need is not None:
        tell_need(project, ledger, need)
    return Completed(message=f"round {outcome.round_id} waits for {many(outcome.waiting, 'label')}")


def _sources(project: Project) -> tuple[Any, Any]:
    """The ledger of a project and its frames, at the size that its last round worked on."""
    ledger = open_ledger(project)
    return ledger, open_last_frames(project, ledger)
