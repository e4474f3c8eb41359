"""Takes rounds on while people label, whenever there is something to do: a Prefect worker where there is one, otherwise
a child process that runs ``fewframes run``."""

import logging
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType

from al_core.campaign.waiting import Until
from al_core.ledger.store import Ledger
from al_core.project import Project
from tasks.processes.children import begun, end
from tasks.processes.heartbeat import Signs, Silence, kill
from tasks.steps.settle import settle
from tasks.web.services import RunState

_log = logging.getLogger(__name__)

ATTEMPTS = 2
"""A run that crashes is started once more; what it had done is not done again."""


class RoundsRunner:
    """One child process at a time, started by :meth:`wake` when ``needed`` says so.

    Args:
        command: what the child runs.
        output: file that the child's output is added to.
        needed: whether there is anything to do.
        on_change: called with the new state when a run begins and when it is over.
        elsewhere: lets another process, which is looked after by others, do it; returns whether one will.
        signs: of the child's life; one that gives none for too long is ended, as if it had crashed.
    """

    def __init__(
        self,
        command: Sequence[str],
        output: Path,
        needed: Callable[[], bool],
        on_change: Callable[[RunState], None] = lambda _: None,
        elsewhere: Callable[[], bool] = lambda: False,
        signs: Signs | None = None,
    ) -> None:
        self._command = list(command)
        self._output = output
        self._needed = needed
        self._on_change = on_change
        self._elsewhere = elsewhere
        self._signs = signs
        self._hung: str | None = None
        self._state = RunState()
        self._woken = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="rounds", daemon=True)

    def __enter__(self) -> "RoundsRunner":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the child, which can be taken up again later."""
        self._ending.set()
        self._woken.set()
        self._thread.join()

    def wake(self, _: int = 0) -> None:
        """Look whether there is something to do; returns at once."""
        self._woken.set()

    def state(self) -> RunState:
        """How it is going."""
        return self._state

    def _work(self) -> None:
        while True:
            self._woken.wait()
            self._woken.clear()
            if self._ending.is_set():
                return
            try:
                if self._needed():
                    self._run()
            except Exception as error:
                _log.exception("the rounds cannot be taken on")
                self._state = RunState(last_error=str(error))

    def _run(self) -> None:
        if self._elsewhere():
            self._state = RunState()
            self._on_change(self._state)
            return
        self._on_change(RunState(running=True))
        for attempt in range(ATTEMPTS):
            self._state = RunState(running=True)
            code = self._run_once()
            if self._ending.is_set():
                return
            problem = self._hung or f"exit code {code}: {_last_line(self._output)}"
            self._state = RunState(last_error=None if code == 0 else problem)
            if code == 0:
                break
            _log.error("run ended with %s%s", self._state.last_error, "; once more" if attempt + 1 < ATTEMPTS else "")
        self._on_change(self._state)

    def _run_once(self) -> int:
        with self._output.open("ab") as output:
            output.write(f"--- {datetime.now():%Y-%m-%d %H:%M:%S}\n".encode())
            output.flush()
            child = begun(self._command, output)
        _log.info("started process %d: %s", child.pid, " ".join(self._command))
        silence = self._signs and Silence(f"the run (process {child.pid})", self._signs)
        self._hung = None
        while child.poll() is None:
            if self._ending.wait(0.2):
                end(child)
            elif silence and (reason := silence.look()):
                self._hung = reason
                kill(child.pid)
                child.wait()
        _log.info("process %d ended with code %d", child.pid, child.returncode)
        return child.returncode


def run_command(project: Project) -> list[str]:
    """The command that takes the project's rounds on."""
    return [sys.executable, "-m", "flows.cli.main", "run", "--project", str(project.root)]


def waits_for_nobody(ledger: Ledger) -> bool:
    """Whether a run would take the campaign on: people answer on our page, and none of them has to answer first.

    What the round no longer waits for is withdrawn (see :func:`tasks.steps.settle.settle`).
    Other back-ends are asked by the run itself, so when to run is for people to say.
    """
    last = ledger.last_round()
    if last is None or last.settings.annotator.backend != "page":
        return False
    if last.status == "finished":
        return last.stop_reason is None
    collected = ledger.step(last.round_id, "collect")
    if collected is not None and collected.status == "finished":
        return True
    return settle(ledger, last).until is Until.NOTHING


def _last_line(output: Path) -> str:
    lines = output.read_text(errors="replace")[-4000:].splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")
