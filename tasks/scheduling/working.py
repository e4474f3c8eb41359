"""The worker of a project: runs what is deployed, each run in a process of its own; loads Prefect."""

import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import anyio

from al_core.project import Project
from tasks.ledger.client import open_ledger
from tasks.processes.children import Stopped
from tasks.processes.supervisor import PeriodicThread
from tasks.scheduling.deployments import deployment_name
from tasks.scheduling.events import tell_failed
from tasks.scheduling.prefect_watch import Watch
from tasks.scheduling.registering import renew_entrypoints

_log = logging.getLogger(__name__)

AT_ONCE = 4
"""Runs side by side; those that run rounds keep each other out by themselves."""

LOOK_SECONDS = 15.0
"""Seconds between two looks at runs whose process may be gone."""

_AGAIN_SECONDS = 5.0
_PACKAGES = Path(__file__).resolve().parents[2]


def prepare_environment() -> None:
    """Set how often the worker asks for work, and where runs find this code; must come before Prefect is imported."""
    os.environ.setdefault("PREFECT_WORKER_QUERY_SECONDS", "3")
    # Runs begin in the project's folder, and must find this very code there.
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(_PACKAGES), *(o for o in others if o and o != str(_PACKAGES))])


def work_until_told(url: str, project: Project, say: Callable[[str], None] = print) -> None:
    """Run what is deployed until Ctrl-C or SIGTERM, and look after runs that crashed.

    What is under way then is ended; what it had done is not done again. A server that is away is waited for.

    Args:
        url: of the server's API.
        say: called with what people should know.
    """
    os.environ["PREFECT_API_URL"] = url
    # Python's own handler would be replaced by asyncio's, which loses a Ctrl-C that comes just when the worker fails.
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    watch = Watch(url, project, lambda what: tell_failed(project, open_ledger(project), what))
    try:
        with PeriodicThread("looking after runs", LOOK_SECONDS, watch.look):
            while True:
                try:
                    renew_entrypoints(url, project)
                    anyio.run(_work, deployment_name(project), say)
                except Exception as error:
                    _log.warning("the worker ended: %s; it is restarted", error)
                time.sleep(_AGAIN_SECONDS)
    except KeyboardInterrupt:
        say("the worker ends; what was under way goes on with the next one")


def _interrupt(*_: object) -> None:
    raise Stopped


async def _work(name: str, say: Callable[[str], None]) -> None:
    from prefect.workers.process import ProcessWorker

    await ProcessWorker(work_pool_name=name, name=name, limit=AT_ONCE).start(printer=say)
