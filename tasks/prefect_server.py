"""Prefect servers of a project's own; none of them reports to anybody.

A command that runs rounds has one for as long as it lives, unless there is another: the one that the user names with
``PREFECT_API_URL``, or a lasting one that ``fewframes serve --prefect`` keeps. Prefect's built-in ephemeral server is
not used, because it outlives a killed command; these are ended by the operating system together with their owner.
"""

import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from al_core.errors import MissingDependency
from al_core.ledger.owner import runs
from tasks.kept import KeptChild, end
from tasks.prefect_api import PrefectApi
from tasks.processes import die_with_owner
from tasks.published import published

_log = logging.getLogger(__name__)

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "PREFECT_CLI_PROMPT": "false",
}
_PATIENCE = 120.0


def configure(home: Path) -> None:
    """Point Prefect at the project's own folder; must come before Prefect is imported.

    What the user has set in the environment is kept, except where Prefect would leave the project.
    """
    home.mkdir(parents=True, exist_ok=True)
    os.environ["PREFECT_HOME"] = str(home)
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def without_heartbeat() -> Iterator[None]:
    """Flows of this block send no heartbeats: their thread takes a second to end, and nobody listens for it.

    A heartbeat tells a server of others that a run has died; a server of our own dies together with the run, or is
    told by who keeps it.
    """
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


def known_server(home: Path) -> str | None:
    """API of the server that a project uses beside its own short-lived ones; None where there is none that answers."""
    named = os.environ.get("PREFECT_API_URL") or _noted(home)
    if not named:
        return None
    with PrefectApi(named) as api:
        if api.healthy():
            return named
    _log.warning("the Prefect server at %s does not answer; one of the project's own is used", named)
    return None


@contextlib.contextmanager
def prefect_server(home: Path, patience: float = _PATIENCE) -> Iterator[str]:
    """Have a server for the length of the block: one that is known, else a new one on a free loopback port; yields its
    API URL. On a known one, people see the progress of steps.

    Args:
        home: folder of the server's database and log, inside the project's.
        patience: seconds to wait until a new server answers.

    Raises:
        MissingDependency: it did not start; the message ends with what it printed.
    """
    configure(home)
    known = known_server(home)
    if known is not None:
        with _named(known), published(known, home.parent.name):
            yield known
        return
    port = _free_port()
    url, log = _url(port), home / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            _server_command(port),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_owner,  # noqa: PLW1509 - it only makes one system call
        )
    try:
        _wait(url, log, patience, server)
        with _named(url), without_heartbeat():
            yield url
    finally:
        end(server)


@contextlib.contextmanager
def lasting_server(home: Path, patience: float = _PATIENCE) -> Iterator[str]:
    """Keep a server for other commands of the project until the block ends; yields its API URL.

    It is begun again at the same address when it dies, and the next one takes that address too where it is free.

    Args:
        home: folder of the server's database and log.
        patience: seconds to wait until it answers.

    Raises:
        MissingDependency: it did not start; the message ends with what it printed.
    """
    configure(home)
    note = home / "server.json"
    port = _free_port(_last_port(note))
    url, log = _url(port), home / "server.log"
    log.unlink(missing_ok=True)
    with KeptChild("Prefect's server", _server_command(port), log), _named(url):
        _wait(url, log, patience)
        note.write_text(json.dumps({"url": url, "port": port, "pid": os.getpid()}))
        yield url


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


def _read_note(note: Path) -> dict[str, object]:
    try:
        content = json.loads(note.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _noted(home: Path) -> str | None:
    """API of the lasting server, as long as the process that keeps it lives."""
    content = _read_note(home / "server.json")
    url, pid = content.get("url"), content.get("pid")
    return url if isinstance(url, str) and isinstance(pid, int) and runs(pid) else None


def _last_port(note: Path) -> int:
    port = _read_note(note).get("port")
    return port if isinstance(port, int) else 0


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/api"


def _server_command(port: int) -> list[str]:
    application = ["--factory", "prefect.server.api.server:create_app"]
    address = ["--host", "127.0.0.1", "--port", str(port)]
    return [sys.executable, "-m", "uvicorn", *application, *address, "--log-level", "error"]


def _free_port(wanted: int = 0) -> int:
    """A port that nobody listens at: the wanted one if possible."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return _free_port()
        return int(probe.getsockname()[1])


def _wait(url: str, log: Path, patience: float, server: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if server is not None and server.poll() is not None:
            break
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            urllib.request.urlopen(f"{url}/health", timeout=2),
        ):
            return
        time.sleep(0.1)
    last_words = log.read_text(errors="replace")[-2000:]
    raise MissingDependency(
        f"the local Prefect server did not start within {patience:g} s; its log {log} ends:\n{last_words}"
    )
