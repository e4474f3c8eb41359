"""A worker of a step in this process, which gets and delivers files and values as one on another machine does."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.engines import jobs
from tasks.engines.engine import Outcome, Workers
from tasks.engines.jobs import OWN_FOLDER, carry_out
from tasks.engines.shared_folder import SharedFolder


class Here:
    """A runner whose one worker is this process; notes what it was given."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def slots(self) -> int:
        return 1

    def submit(self, name: str, packed: bytes, landed: Callable[[Outcome], None]) -> None:
        self.done.append(name)
        landed(Outcome(lambda: carry_out(packed)))


def work_elsewhere(monkeypatch: pytest.MonkeyPatch, module: object, folder: Path) -> Here:
    """Let what a module gives away go to a worker with folders of its own in ``folder``."""
    runner, shared = Here(), folder / "exchange"
    shared.mkdir(parents=True)
    monkeypatch.setenv(OWN_FOLDER, str(folder / "worker"))
    monkeypatch.setattr(jobs, "_places", {})

    @contextlib.contextmanager
    def engine_of(*_: object) -> Iterator[Workers]:
        yield Workers(runner, SharedFolder(shared))

    monkeypatch.setattr(module, "engine_of", engine_of)
    return runner
