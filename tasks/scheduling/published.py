"""Progress of steps and summaries of rounds on Prefect's own pages.

Sending is done by a thread of its own, at most every two seconds, so that a step never waits for the server; where the
server does not answer, nothing is shown and nobody is troubled.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from al_core.errors import ToolUnreachable
from al_core.records import Progress
from tasks.processes.supervisor import PeriodicThread
from tasks.progress import listening
from tasks.scheduling.prefect_api import PrefectApi

_log = logging.getLogger(__name__)

EVERY = 2.0
"""Seconds between two looks at what has changed."""

_PAUSE = 30.0
_SHORT = 2.0


@dataclass(slots=True)
class _Bar:
    """One step of one run: what is to be shown, and under which id the server shows it."""

    run: dict[str, str]
    key: str
    percent: float
    words: str
    changed: bool = True
    artifact_id: str = ""


class Publisher:
    """Shows progress and summaries of a project, by its name, on the pages of a server, until the block ends.

    Args:
        api: the server; its calls should be short.
        every: seconds between two looks at what has changed.
    """

    def __init__(self, api: PrefectApi, name: str, every: float = EVERY) -> None:
        self._api = api
        self._name = name
        self._bars: dict[tuple[str, str], _Bar] = {}
        self._lock = threading.Lock()
        self._silent_until = 0.0
        self._thread = PeriodicThread("published", every, self._send)

    def __enter__(self) -> "Publisher":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Show the last state of everything; a server that does not answer is tried for a few seconds."""
        self._thread.__exit__(*error)
        self._send()

    def tell(self, step: str, progress: Progress) -> None:
        """Take note of how far a step is; returns at once."""
        run = _run_now()
        if not run:
            return
        name = step.partition(" ")[0]
        percent = 100.0 * min(progress.done / progress.total, 1.0) if progress.total else 0.0
        words = f"{step}: {progress.done:,} of {progress.total:,}{f', {progress.note}' if progress.note else ''}"
        with self._lock:
            bar = self._bars.setdefault((run.get("task_run_id", run["flow_run_id"]), name), _Bar(run, "", 0.0, ""))
            bar.key, bar.percent, bar.words, bar.changed = self._key(name), percent, words, True

    def summary(self, markdown: str) -> None:
        """Show the summary of a round on the page of the run."""
        run = _run_now()
        if run and time.monotonic() >= self._silent_until:
            self._try(lambda: self._api.put_artifact("markdown", markdown, self._key("round"), "", run))

    def _send(self) -> None:
        with self._lock:
            changed = [bar for bar in self._bars.values() if bar.changed]
            for bar in changed:
                bar.changed = False
        for bar in changed:
            if time.monotonic() >= self._silent_until:
                self._try(lambda bar=bar: self._show(bar))  # type: ignore[misc]

    def _show(self, bar: _Bar) -> None:
        if bar.artifact_id:
            self._api.change_artifact(bar.artifact_id, bar.percent, bar.words)
        else:
            bar.artifact_id = self._api.put_artifact("progress", bar.percent, bar.key, bar.words, bar.run)

    def _try(self, send: Callable[[], object]) -> None:
        try:
            send()
        except ToolUnreachable as error:
            _log.debug("nothing is shown for a while: %s", error)
            self._silent_until = time.monotonic() + _PAUSE

    def _key(self, what: str) -> str:
        """Return a key of artifacts, those of which are versions of one thing: small letters, digits and dashes."""
        return re.sub("[^a-z0-9]+", "-", f"{self._name} {what}".lower()).strip("-")


_publisher: ContextVar[Publisher | None] = ContextVar("publisher", default=None)


@contextmanager
def published(url: str, name: str) -> Iterator[None]:
    """Show the progress of every step within the block, and the summaries of rounds, on the pages of a server."""
    with PrefectApi(url, timeout=_SHORT) as api, Publisher(api, name) as publisher, listening(publisher.tell):
        token = _publisher.set(publisher)
        try:
            yield
        finally:
            _publisher.reset(token)


def publish_summary(markdown: str) -> None:
    """Show the summary of a round, where anybody can see it."""
    publisher = _publisher.get()
    if publisher is not None:
        publisher.summary(markdown)


def _run_now() -> dict[str, str]:
    """Return the run that this thread works for, as the server names it; empty outside of runs."""
    from prefect.context import FlowRunContext, TaskRunContext

    task, flow = TaskRunContext.get(), FlowRunContext.get()
    if task is not None and task.task_run.flow_run_id is not None:
        return {"flow_run_id": str(task.task_run.flow_run_id), "task_run_id": str(task.task_run.id)}
    return {"flow_run_id": str(flow.flow_run.id)} if flow is not None and flow.flow_run is not None else {}
