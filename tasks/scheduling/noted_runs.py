"""Which of a project's Prefect runs have a process: each process holds a lock as long as it lives."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.processes.run_lock import held


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
