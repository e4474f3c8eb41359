"""A Prefect server of the project's own: it lives as long as the command that needs it, and phones nobody.

A server that is already configured (``PREFECT_API_URL``) is used instead. Prefect's built-in ephemeral server is not,
because it outlives a killed command; this one is ended by the operating system together with its owner.
"""

import contextlib
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
from tasks.processes import die_with_owner

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "PREFECT_CLI_PROMPT": "false",
}


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

    A heartbeat tells a server of others that a run has died; a server of our own dies together with the run.
    """
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


@contextlib.contextmanager
def prefect_server(home: Path, patience: float = 120.0) -> Iterator[str]:
    """Run a server on a free loopback port for the length of the block; yields its API URL.

    Args:
        home: folder of the server's database and log.
        patience: seconds to wait until the server answers.

    Raises:
        MissingDependency: it did not start; the message ends with what it printed.
    """
    configure(home)
    given = os.environ.get("PREFECT_API_URL")
    if given:
        yield given
        return
    port = _free_port()
    url = f"http://127.0.0.1:{port}/api"
    log = home / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            _server_command(port),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_owner,  # noqa: PLW1509 - it only makes one system call
        )
    os.environ["PREFECT_API_URL"] = url
    try:
        _wait(server, url, log, patience)
        with without_heartbeat():
            yield url
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _server_command(port: int) -> list[str]:
    application = ["--factory", "prefect.server.api.server:create_app"]
    address = ["--host", "127.0.0.1", "--port", str(port)]
    return [sys.executable, "-m", "uvicorn", *application, *address, "--log-level", "error"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], url: str, log: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if server.poll() is not None:
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
