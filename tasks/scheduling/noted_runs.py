"""Which of a project's Prefect runs have a process: the process itself holds a lock for as long as it lives.

A number of a process may be given to another one, after a restart of the machine at the latest. A lock is let go by the
operating system when its process ends, however it ends.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.processes.heartbeat import beating, touched


@contextmanager
def noted_run(home: Path, flow_run_id: str) -> Iterator[None]:
    """Be the process of a run until the block ends, and give signs of life.

    Args:
        home: folder of the orchestrator's state in the project.
    """
    path = _path(home, flow_run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            with beating(path):
                yield
        finally:
            path.unlink(missing_ok=True)


def run_lives(home: Path, flow_run_id: str) -> bool | None:
    """Whether the process of a run lives; None where none was ever noted, or its work is over."""
    try:
        with _path(home, flow_run_id).open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False
    except FileNotFoundError:
        return None


def sign_of_run(home: Path, flow_run_id: str) -> Callable[[], object]:
    """What changes as long as the process of a run works."""
    return touched(_path(home, flow_run_id))


def pid_of_run(home: Path, flow_run_id: str) -> int:
    """Number of the process of a run; 0 where there is none."""
    try:
        return int(_path(home, flow_run_id).read_text())
    except (OSError, ValueError):
        return 0


def forget_run(home: Path, flow_run_id: str) -> None:
    """Take the note of a dead process away."""
    _path(home, flow_run_id).unlink(missing_ok=True)


def _path(home: Path, flow_run_id: str) -> Path:
    return home / "runs" / f"{flow_run_id}.lock"
