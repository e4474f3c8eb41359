"""Clients that send half a request and wait, at a real server that may open few files: everybody else is served.

    python -m tests.bench.load.slow_clients --clients 300 --files 256 --seconds 30

Prints how soon others were answered before, meanwhile and afterwards, and how much the logs grew.
"""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import httpx
import numpy as np

from al_core.project import Project
from tasks.ledger.client import living_owner
from tests.toys.ledgers import ledger_with_clip
from tests.toys.projects import command

HEAD = (
    b"POST /api/requests/x/submit HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Fewframes: 1\r\n"
    b"Content-Type: application/json\r\nContent-Length: 1000000\r\n"
)
_LIMITED = "import os, resource, sys; n = int(sys.argv[1]); resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)); "
_PATIENCE = 10.0


@dataclass(frozen=True)
class Served:
    """What others saw.

    Attributes:
        seconds: of each answer, float64.
        failed: requests that had none within ten seconds.
        log_bytes: of ``serve.log`` and ``requests.log``, older ones included.
    """

    seconds: np.ndarray
    failed: int
    log_bytes: tuple[int, int]


@contextmanager
def limited_server(project: Project, files: int) -> Iterator[str]:
    """Serve a project by a process that may open so many files; yields its address."""
    words = [sys.executable, "-c", _LIMITED + "os.execv(sys.argv[2], sys.argv[2:])", str(files)]
    server = subprocess.Popen([*words, *command("serve", "--project", project.root, "--port", 0)])
    try:
        while (owner := living_owner(project)) is None or owner.pid != server.pid:
            if server.poll() is not None:
                raise RuntimeError(f"the server ended with code {server.returncode}")
            time.sleep(0.1)
        yield owner.url
    finally:
        server.terminate()
        server.wait()


def crowd(stack: ExitStack, url: str, clients: int) -> list[socket.socket]:
    """Send half a head, or a head and half a body, by turns, over so many connections that stay open."""
    port = int(url.rsplit(":", 1)[1])
    found = []
    for number in range(clients):
        client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE))
        client.sendall(HEAD + (b"\r\nabc" if number % 2 else b""))
        found.append(client)
    return found


def served_meanwhile(project: Project, url: str, seconds: float, pause: float = 0.1) -> Served:
    """Ask again and again, each time over a new connection, as somebody who has just come would."""
    took, failed, until = [], 0, time.monotonic() + seconds
    while time.monotonic() < until:
        started = time.monotonic()
        try:
            httpx.get(f"{url}/label", timeout=_PATIENCE, trust_env=False, headers={"Connection": "close"})
            took.append(time.monotonic() - started)
        except httpx.TransportError:
            failed += 1
        time.sleep(pause)
    sizes = [sum(f.stat().st_size for f in project.root.glob(f"{name}*")) for name in ("serve.log", "requests.log")]
    return Served(np.array(took), failed, (sizes[0], sizes[1]))


@click.command()
@click.option("--clients", default=300, show_default=True)
@click.option("--files", default=256, show_default=True, help="That the server may open at a time.")
@click.option("--seconds", default=30.0, show_default=True)
def main(clients: int, files: int, seconds: float) -> None:
    """Measure, and print a line for each time."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        ledger_with_clip(Path(folder))
        project = Project.at(folder)
        url = stack.enter_context(limited_server(project, files))
        for when in ("before", "meanwhile", "afterwards"):
            if when == "meanwhile":
                slow = crowd(stack, url, clients)
            elif when == "afterwards":
                for client in slow:
                    client.close()
            seen = served_meanwhile(project, url, seconds if when == "meanwhile" else 5.0)
            p50, p99 = np.percentile(seen.seconds, [50, 99]) if len(seen.seconds) else (np.nan, np.nan)
            click.echo(
                f"{when}: {len(seen.seconds)} answers, p50 {p50 * 1e3:.0f} ms, p99 {p99 * 1e3:.0f} ms, "
                f"{seen.failed} failed; serve.log {seen.log_bytes[0]:,} bytes, requests.log {seen.log_bytes[1]:,} bytes"
            )


if __name__ == "__main__":
    main()
