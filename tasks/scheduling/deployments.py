"""A project's deployments on a Prefect server: their names, and beginning one without loading Prefect."""

import logging
import re
import socket
from datetime import UTC, datetime, timedelta

from al_core.errors import ToolUnreachable
from al_core.project import Project
from tasks.processes.run_lock import is_run
from tasks.scheduling.prefect_api import UNFINISHED, PrefectApi
from tasks.scheduling.prefect_server import known_server

_log = logging.getLogger(__name__)

FLOWS = ("ingest", "round", "campaign", "report", "export")
"""The flows that are deployed."""

ROUNDS = ("round", "campaign")
"""Those of them that run rounds."""

_SOON = timedelta(seconds=30)


def deployment_name(project: Project) -> str:
    """Return the name of a project's deployments and of its work pool.

    It is the name of the folder and, since other machines and other folders may have projects of that name, a few
    digits that follow from machine and folder.
    """
    return f"{re.sub('[^A-Za-z0-9._-]+', '-', project.root.name)}-{project.place}"


def training_limit(gpu: str = "") -> str:
    """Return the name of the limit that a training on this machine takes a slot of, where the server has it.

    Args:
        gpu: that it takes, as CUDA_VISIBLE_DEVICES names it; empty for one that takes none.
    """
    return f"fewframes-training-{socket.gethostname()}{f'-gpu-{gpu}' if gpu else ''}"


def deployment_ids(api: PrefectApi, project: Project) -> dict[str, str]:
    """Return the id of each deployment of a project that the server has, by flow.

    Raises:
        ToolUnreachable: the server does not answer.
    """
    name = deployment_name(project)
    found = {flow: api.deployment(flow, name) for flow in FLOWS}
    return {flow: found_id for flow, found_id in found.items() if found_id is not None}


def begin_rounds(project: Project) -> bool:
    """Let a worker run the project's rounds; False where no server answers, or none of its workers would.

    Where a run is under way, or about to begin, no other is started.
    """
    url = known_server(project.prefect_home)
    if url is None:
        return False
    try:
        with PrefectApi(url) as api:
            ids = deployment_ids(api, project)
            if not set(ROUNDS) <= set(ids) or not api.has_worker(deployment_name(project)):
                return False
            due = datetime.now(UTC) + _SOON
            # A run that is known as running may just have looked for answers, and be about to end.
            states = UNFINISHED if is_run(project.root) else ("SCHEDULED", "PENDING")
            if not api.flow_runs([ids[flow] for flow in ROUNDS], states, due_before=due):
                _log.info("flow run %s runs the rounds", api.begin(ids["campaign"]))
            return True
    except ToolUnreachable as error:
        _log.warning("%s; the rounds go on without it", error)
        return False
