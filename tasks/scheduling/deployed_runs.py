"""What surrounds a run of a deployment: its process is noted by a lock, its progress shown, its failure told.

The flows that Prefect deployments run take plain values and return a sentence; nobody sits at a terminal. They call the
very flows that the command line calls. None of them waits for people: a round that has to ends its run, and the last
answer or a schedule begins the next one.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from al_core.errors import RunLocked
from al_core.project import Project
from tasks.ledger.client import at_hand, open_ledger
from tasks.processes.project_log import RUN_LOG, logging_to
from tasks.processes.run_lock import held, only_run
from tasks.scheduling.events import tell_failed
from tasks.scheduling.published import published

BUSY = "another process takes the rounds of this project on already"


def _name() -> str:
    from prefect.runtime import flow_run

    return f"{flow_run.flow_name} of {Path(flow_run.parameters['project']).name}"


def tell_failure(flow: Any, flow_run: Any, state: Any) -> None:
    """Tell people that a run has failed for good; a hook of Prefect."""
    project = Project.at(flow_run.parameters["project"])
    tell_failed(project, open_ledger(project), state.message or "no reason is known")


# Steps that are done are not done again, so trying again costs little.
DEPLOYED: dict[str, Any] = {
    "flow_run_name": _name,
    "on_failure": [tell_failure],
    "retries": 1,
    "retry_delay_seconds": 10,
}
"""How every deployed flow is set up."""


@contextmanager
def noted(project: Project) -> Iterator[None]:
    """Be known as the process of this run, show people how far it is, and log to the project."""
    from prefect.runtime import flow_run
    from prefect.settings import PREFECT_API_URL

    with ExitStack() as stack:
        if flow_run.id is not None:
            stack.enter_context(noted_run(project.prefect_home, flow_run.id))
        stack.enter_context(logging_to(project.root / RUN_LOG))
        url = PREFECT_API_URL.value()
        if url:
            stack.enter_context(published(url, project.root.name))
        yield


@contextmanager
def alone(project: Project) -> Iterator[bool]:
    """Be the one process that takes the rounds on; yields False where another one is."""
    with noted(project), ExitStack() as stack:
        try:
            stack.enter_context(only_run(project.root))
            stack.enter_context(at_hand(project))
        except RunLocked:
            yield False
        else:
            yield True


@contextmanager
def noted_run(home: Path, flow_run_id: str) -> Iterator[None]:
    """Be the process of a run until the block ends, with a heartbeat.

    Args:
        home: folder of the orchestrator's state in the project.
    """
    path = note_of_run(home, flow_run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    with held(path, wait=True):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def note_of_run(home: Path, flow_run_id: str) -> Path:
    """Return the file that the process of a run holds; it is gone once the work is over."""
    return home / "runs" / f"{flow_run_id}.lock"
