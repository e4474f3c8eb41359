"""A Dask scheduler and its workers, as processes of this machine that talk over TCP; workers may be killed."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.toys.projects import command


@dataclass
class Cluster:
    """What was started; every worker has a folder of its own.

    Attributes:
        workers: process numbers of those that were started, by the number of the folder.
    """

    folder: Path
    port: int
    scheduler: subprocess.Popen[bytes]
    workers: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """As ``compute.address`` takes it."""
        return f"tcp://127.0.0.1:{self.port}"

    def start_worker(self, number: int, environment: Mapping[str, str] = {}) -> None:
        """Start one by the command of the documentation, in an environment that differs from this one."""
        own = self.folder / f"worker{number}"
        own.mkdir(exist_ok=True)
        with (self.folder / f"worker{number}.log").open("ab") as log:
            self.workers[number] = subprocess.Popen(
                command("worker", self.address, "--folder", own),
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def at_work(self) -> dict[str, int]:
        """Return the processes that do the work (not their nannies), by address."""
        import distributed

        with distributed.Client(self.address, set_as_default=False, timeout=90) as client:
            return dict(client.run(os.getpid))

    def wait_for(self, workers: int, seconds: float = 120) -> None:
        """Wait until so many workers are there."""
        import distributed

        with distributed.Client(self.address, set_as_default=False, timeout=seconds) as client:
            client.wait_for_workers(workers, timeout=seconds)

    def end(self) -> None:
        """Kill all that is left, with what it started."""
        for process in (*self.workers.values(), self.scheduler):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def dask_cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """Start a scheduler and workers; the second of them has another number of threads in its environment."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    cluster = Cluster(folder, port, start_scheduler(folder, port))
    try:
        for number in range(workers):
            cluster.start_worker(number, {"OMP_NUM_THREADS": str(1 + number)})
        yield cluster
    finally:
        cluster.end()


def start_scheduler(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start a scheduler on loopback, and wait until it listens."""
    program = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "scheduler.log").open("ab") as log:
        process = subprocess.Popen(
            [*program, "--no-dashboard"], stdout=log, stderr=log, start_new_session=True, cwd=folder
        )
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return process
        time.sleep(0.1)
    raise TimeoutError((folder / "scheduler.log").read_text())


def free_port() -> int:
    """Return a port of loopback that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
