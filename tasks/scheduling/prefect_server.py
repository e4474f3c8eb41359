"""Prefect servers of a project's own; none of them reports to anybody.

A command that runs rounds has one for as long as it lives, unless there is another: the one that the user names with
``PREFECT_API_URL``, or a lasting one that ``fewframes serve --prefect`` keeps. Prefect's built-in ephemeral server is
not used, because it outlives a killed command; these are ended by the operating system together with their owner.
"""

import contextlib
import json
import logging
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from al_core.errors import FewframesError, MissingDependency, NoSpace
from al_core.files import noted_in, write_whole
from al_core.ledger.file.signature import Signature
from al_core.records import Progress
from tasks.network.loopback import reach_loopback_directly
from tasks.processes.children import cpu_seconds
from tasks.processes.heartbeat import Patience, Watchdog
from tasks.processes.supervisor import RestartedProcess
from tasks.processes.surroundings import provide
from tasks.progress import progress_of
from tasks.scheduling.prefect_api import PrefectApi
from tasks.scheduling.published import published

_log = logging.getLogger(__name__)

LOGGERS = ("flows", "tasks", "al_core", "mmengine")
"""Loggers whose lines stand on a run's page: this project's, and that of trainings."""

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    # What a run logs is shown on its page; Prefect's own words of its runs are few at this level.
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_LOGGING_EXTRA_LOGGERS": ",".join(LOGGERS),
    # A process that is no run, or no run yet, has no page.
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_CLI_PROMPT": "false",
}
_PATIENCE = 120.0
_MOST_PATIENCE = 600.0
_USUAL_SECONDS = 15.0
_PROGRESS_SECONDS = 0.1
_HEALTH_SECONDS = 5.0
_DRAIN_SECONDS = 5.0
_NO_ROOM_BYTES = 2**20


def configure(home: Path) -> None:
    """Point Prefect at the project's own folder; must come before Prefect is imported.

    What the user has set in the environment is kept, except where Prefect would leave the project, or would not reach
    a server on this machine (see :func:`~tasks.network.loopback.reach_loopback_directly`).
    """
    reach_loopback_directly()
    home.mkdir(parents=True, exist_ok=True)
    provide(home)
    os.environ["PREFECT_HOME"] = str(home)
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Prefect logs of its runs off the terminal, and send the rest of it to the server when the block ends.

    The error of a flow reaches its caller once; Prefect would print its traceback for each task and flow around it.
    """
    from prefect.logging.handlers import APILogWorker

    # On a slow machine it warns of events that it has still to send when a run ends.
    logging.getLogger("EventsWorker").setLevel(logging.ERROR)
    loggers = [logging.getLogger(f"prefect.{name}") for name in ("flow_runs", "task_runs")]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.propagate = False
    try:
        yield
    finally:
        APILogWorker.drain_all(timeout=_DRAIN_SECONDS)
        for logger, propagate in zip(loggers, before, strict=True):
            logger.propagate = propagate


@contextlib.contextmanager
def without_heartbeat() -> Iterator[None]:
    """Let flows of this block send no heartbeats: their thread takes a second to end, and nobody listens for it.

    A heartbeat tells a shared server that a run has died; a server of our own dies together with the run, or learns it
    from the process that keeps it.
    """
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


@contextlib.contextmanager
def without_logs() -> Iterator[None]:
    """Send no logs to a server of our own, whose pages nobody opens: they are in the project's log."""
    from prefect.settings import PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

    with temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: False}):
        yield


def known_server(home: Path, patience: float = 0.0) -> str | None:
    """Return the API of the server that a project uses instead of its own short-lived ones; None where none answers.

    Args:
        home: folder of the orchestrator's state in the project.
        patience: seconds to wait for one that does not answer yet.
    """
    named = os.environ.get("PREFECT_API_URL") or _noted(home)
    if not named:
        return None
    until = time.monotonic() + patience
    with PrefectApi(named) as api:
        while not api.healthy():
            if time.monotonic() >= until:
                _log.warning("the Prefect server at %s does not answer", named)
                return None
            time.sleep(0.5)
    return named


@contextlib.contextmanager
def prefect_server(home: Path, patience: float = _PATIENCE) -> Iterator[str]:
    """Keep a server for the length of the block; yields its API URL.

    It is one that is known, where people see the progress of steps, else a new one on a free loopback port.

    Args:
        home: folder of the server's database and log, inside the project's.
        patience: seconds to wait for a new server that neither answers nor computes.

    Raises:
        MissingDependency: it did not start; the message ends with what it printed.
    """
    configure(home)
    known = known_server(home)
    if known is not None:
        with _named(known), published(known, home.parent.name), _quiet():
            yield known
        return
    with (
        _started_at_last(home, patience) as (url, server),
        _explained(server, home),
        without_heartbeat(),
        without_logs(),
        _quiet(),
    ):
        yield url


@contextlib.contextmanager
def lasting_server(home: Path, patience: float = _PATIENCE) -> Iterator[str]:
    """Keep a server for other commands of the project until the block ends; yields its API URL.

    It is restarted at the same address when it dies, and the next one takes that address too where it is free.

    Args:
        home: folder of the server's database and log.
        patience: seconds to wait for one that neither answers nor computes.

    Raises:
        MissingDependency: it did not start; the message ends with what it printed.
    """
    configure(home)
    note = home / "server.json"
    port = _free_port(_last_port(note))
    with _started(home, port, patience) as (url, _):
        write_whole(note, json.dumps({"url": url, "port": port, "by": asdict(Signature.of(home))}).encode())
        yield url


@contextlib.contextmanager
def _started_at_last(home: Path, patience: float) -> Iterator[tuple[str, RestartedProcess]]:
    """Do what :func:`_started` does on a free port, once more where a first server does not start."""
    with contextlib.ExitStack() as stack:
        try:
            started = stack.enter_context(_started(home, _free_port(), patience, once=True))
        except MissingDependency as error:
            _log.warning("%s", error)
            started = stack.enter_context(_started(home, _free_port(), patience, once=True))
        yield started


@contextlib.contextmanager
def _started(home: Path, port: int, patience: float, once: bool = False) -> Iterator[tuple[str, RestartedProcess]]:
    """Start a server and keep it until the block ends; yields its API URL and its process.

    Args:
        once: give up when its first process ends before it has answered.
    """
    url, log = f"http://127.0.0.1:{port}/api", home / "server.log"
    log.unlink(missing_ok=True)
    with (
        _named(url),
        PrefectApi(url, _HEALTH_SECONDS) as api,
        RestartedProcess("Prefect's server", _server_command(port), log) as server,
    ):
        waiting, tell = _Waiting(server, patience), progress_of("Prefect's server")
        while not api.healthy():
            waiting.tell(tell)
            gone = once and server.times > 1
            if gone or waiting.is_over():
                why = "ended before it answered" if gone else waiting.told()
                last_words = log.read_text(errors="replace")[-2000:]
                raise MissingDependency(
                    f"the local Prefect server {why}; nothing is lost, so give the same command again. Its log {log} "
                    f"ends:\n{last_words}"
                )
            time.sleep(0.1)
        waiting.tell(tell, over=True)
        server.watch(_watchdog(api))
        yield url, server


class _Waiting:
    """How long a server is waited for that does not answer yet: longer where it computes, as on a busy machine.

    Args:
        patience: seconds until one is given up that did not compute for :data:`_PROGRESS_SECONDS` in them.
    """

    def __init__(self, server: RestartedProcess, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._server = server
        self._patience = patience
        self._clock = clock
        self._began = self._progress = clock()
        self._computed = (0, 0.0)

    def is_over(self) -> bool:
        """Look at it, and tell whether it is given up."""
        computed = self._server.pid, cpu_seconds(self._server.pid)
        if computed[0] != self._computed[0] or computed[1] - self._computed[1] >= _PROGRESS_SECONDS:
            self._computed, self._progress = computed, self._clock()
        return self._clock() - self._progress > self._patience or self._clock() - self._began > _MOST_PATIENCE

    def tell(self, on_progress: Callable[[Progress], None], over: bool = False) -> None:
        """Tell for how long it was waited once that is longer than usual, and when that is over."""
        waited = self._clock() - self._began
        if waited > _USUAL_SECONDS:
            note = f"up to {_MOST_PATIENCE:.0f} s on a busy machine"
            on_progress(Progress(int(over), 1, "" if over else note))

    def told(self) -> str:
        """Return what it did so far, in words."""
        now = self._clock()
        waited, idle = now - self._began, now - self._progress
        return f"did not start within {waited:.0f} s, of which it was idle for the last {idle:.0f}"


@contextlib.contextmanager
def _named(url: str) -> Iterator[None]:
    before = os.environ.get("PREFECT_API_URL")
    os.environ["PREFECT_API_URL"] = url
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("PREFECT_API_URL", None)
        else:
            os.environ["PREFECT_API_URL"] = before


def _noted(home: Path) -> str | None:
    """Return the API of the lasting server, as long as the process that keeps it lives.

    A note that came along with a copy of the folder names the server of another project, and is ignored.
    """
    content = noted_in(home / "server.json")
    try:
        url, by = content["url"], Signature(**content["by"])
    except (KeyError, TypeError):
        return None
    if not by.is_about(home):
        if by.path != str(home.resolve()):
            _log.warning("%s names the Prefect server of %s, and is ignored", home / "server.json", by.path)
        return None
    return url if isinstance(url, str) and by.runs() else None


def _last_port(note: Path) -> int:
    port = noted_in(note).get("port")
    return port if isinstance(port, int) else 0


def _server_command(port: int) -> list[str]:
    application = ["--factory", "prefect.server.api.server:create_app"]
    address = ["--host", "127.0.0.1", "--port", str(port)]
    return [sys.executable, "-m", "uvicorn", *application, *address, "--log-level", "error"]


def _free_port(wanted: int = 0) -> int:
    """Return a port that nobody listens at: the wanted one if possible."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return _free_port()
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _explained(server: RestartedProcess, home: Path) -> Iterator[None]:
    """Raise an error of ours when a run ends early because its server had no room, or died."""
    try:
        yield
    except FewframesError:
        raise
    except Exception as error:
        if shutil.disk_usage(home).free < _NO_ROOM_BYTES:
            raise NoSpace.at(home) from error
        if server.times > 1:
            raise MissingDependency(
                f"Prefect's server died or hung while the run was under way ({type(error).__name__}: {error}); its "
                f"log is {home / 'server.log'}. Nothing is lost: give the same command again"
            ) from error
        raise


def _watchdog(api: PrefectApi) -> Watchdog:
    """Return the watchdog of a server, whose heartbeat is that it answers.

    One that does not is restarted before its clients give up (after 62 s).
    """
    answers = 0

    def beat() -> object:
        nonlocal answers
        answers += api.healthy()
        return answers

    return Watchdog("Prefect's server", beat, Patience(warn=15.0, kill=40.0), every=_HEALTH_SECONDS)
