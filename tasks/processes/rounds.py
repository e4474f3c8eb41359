"""Runs rounds while a project is served, whenever no person has to answer first: by a Prefect worker where there is
one, otherwise by a child process."""

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Self

from al_core.campaign.waiting import Until
from al_core.ledger.store import Ledger, Round
from al_core.project import Project
from tasks.processes.children import NICENESS
from tasks.processes.heartbeat import Watchdog, touched
from tasks.processes.memory import killed_for_memory, memory_kills
from tasks.processes.project_log import RUN_LOG
from tasks.processes.run_lock import is_run, run_lock
from tasks.processes.supervisor import PeriodicThread, SupervisedProcess
from tasks.scheduling.deployments import begin_rounds
from tasks.scheduling.events import need_of, tell_failed, tell_need
from tasks.steps.context import settle, verdict_of

_log = logging.getLogger(__name__)

ATTEMPTS = 2
"""A run that crashes is started once more; what it had done is not done again."""

LOOK_SECONDS = 5.0
"""How soon a round goes on after its deadline; the last answer wakes the runner by itself."""


@dataclass(frozen=True, slots=True)
class RunState:
    """State of the process that runs rounds.

    Attributes:
        running: whether it works at the moment.
        last_error: why the last one ended early; None when it did not.
    """

    running: bool = False
    last_error: str | None = None


class RoundsRunner:
    """Runs one child process at a time, when :meth:`wake` was called and ``needed`` says that there is work.

    Args:
        command: what the child runs.
        output: file that the child's output is added to.
        needed: called after each wake; returns whether there is work.
        on_change: called with the new state when a run begins and when it is over.
        elsewhere: lets another process do the work, which others look after; returns whether one will.
        watchdog: of the child; one that hangs is killed and counts as crashed.
    """

    def __init__(
        self,
        command: Sequence[str],
        output: Path,
        needed: Callable[[], bool],
        on_change: Callable[[RunState], None] = lambda _: None,
        elsewhere: Callable[[], bool] = lambda: False,
        watchdog: Watchdog | None = None,
    ) -> None:
        self._process = SupervisedProcess(command, output, watchdog, NICENESS)
        self._needed = needed
        self._on_change = on_change
        self._elsewhere = elsewhere
        self._state = RunState()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._work, name="rounds", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the child, whose work can be taken up again later."""
        self._process.ending.set()
        self._woken.set()
        self._thread.join()

    def wake(self, _: int = 0) -> None:
        """Let the runner look whether there is work; returns at once."""
        self._woken.set()

    def state(self) -> RunState:
        """Return the state of the run."""
        return self._state

    def _work(self) -> None:
        while True:
            self._woken.wait()
            self._woken.clear()
            if self._process.ending.is_set():
                return
            try:
                if self._needed():
                    self._run()
            except Exception as error:
                _log.exception("the rounds cannot be run")
                self._state = RunState(last_error=str(error))

    def _run(self) -> None:
        if self._elsewhere():
            self._state = RunState()
            self._on_change(self._state)
            return
        self._on_change(RunState(running=True))
        for attempt in range(ATTEMPTS):
            self._state = RunState(running=True)
            kills = memory_kills()
            code = self._run_once()
            if self._process.ending.is_set():
                return
            problem = self._process.hung or f"exit code {code}: {_last_line(self._process.output)}"
            if killed_for_memory(code, kills):
                ended = "the system ended it when memory ran out"
                problem = ended if code == -signal.SIGKILL else f"it crashed where its memory is limited (code {code})"
            self._state = RunState(last_error=None if code == 0 else problem)
            if code == 0:
                break
            _log.error("run ended with %s%s", problem, "; once more" if attempt + 1 < ATTEMPTS else "")
        self._on_change(self._state)

    def _run_once(self) -> int:
        with self._process.output.open("ab") as output:
            output.write(f"--- {datetime.now():%Y-%m-%d %H:%M:%S}\n".encode())
        return self._process.run()


class ServedRounds(RoundsRunner):
    """The rounds of a project while it is served: they go on by themselves, and people get a message when they cannot.

    Every few seconds, and when it is woken, it withdraws the requests that the newest round no longer waits for, and
    starts a run if that round, or the next, can go on.

    Args:
        ledger: the project's, owned by this process.
        command: what runs the rounds.
        say: called with the state when a run begins and when it is over.
        looked: called with the state at every look.
    """

    def __init__(
        self,
        project: Project,
        ledger: Ledger,
        command: Sequence[str],
        say: Callable[[RunState], None],
        looked: Callable[[RunState], None] = lambda _: None,
    ) -> None:
        self._project = project
        self._ledger = ledger
        self._say = say
        self._looked = looked
        self._looks = PeriodicThread("rounds that wait", LOOK_SECONDS, self.look)
        self._told: tuple[int, str] | None = None
        self._started_at: tuple[int, str, str, int] | None = None
        self._failed_at: tuple[int, str, str] | None = None
        watchdog = Watchdog("the run", touched(run_lock(project.root)))
        output = project.root / RUN_LOG
        elsewhere = partial(begin_rounds, project)
        super().__init__(command, output, self._settle_and_check, self._tell, elsewhere, watchdog)

    def __enter__(self) -> Self:
        super().__enter__()
        self._looks.start()
        return self

    def __exit__(self, *error: object) -> None:
        """End the looks and the child."""
        self._looks.__exit__(*error)
        super().__exit__(*error)

    def state(self) -> RunState:
        """Return the state of the run, whoever started it."""
        now = super().state()
        return replace(now, running=now.running or is_run(self._project.root))

    def look(self) -> None:
        """Look once; errors of a run that failed are for people, so nothing is started after one, until its round has
        other settings or was abandoned."""
        last = self._ledger.last_round()
        if last is None:
            return
        settle_page(self._ledger)
        if not waits_for_nobody(self._ledger):
            self._started_at = None
        elif not is_run(self._project.root):
            reached = self._reached(last)
            if self._started_at != reached:
                self._started_at = reached
                if super().state().last_error is None or self._failed_at != reached[:3]:
                    self.wake()
        self._looked(self.state())
        need = need_of(self._ledger)
        if need is not None and self._told != (last.round_id, need):
            self._told = (last.round_id, need)
            tell_need(self._project, self._ledger, need)

    def _reached(self, last: Round) -> tuple[int, str, str, int]:
        """Return what tells whether something happened since a run failed, and how many steps are done."""
        done = sum(step.status == "finished" for step in self._ledger.steps(last.round_id))
        return last.round_id, last.status, last.settings.sha256, done

    def _settle_and_check(self) -> bool:
        settle_page(self._ledger)
        return waits_for_nobody(self._ledger) and not is_run(self._project.root)

    def _tell(self, state: RunState) -> None:
        self._say(state)
        if state.last_error is not None:
            last = self._ledger.last_round()
            self._failed_at = self._reached(last)[:3] if last is not None else None
            tell_failed(self._project, self._ledger, state.last_error)


def settle_page(ledger: Ledger) -> None:
    """Withdraw the requests that the newest round no longer waits for, where people answer on our page.

    With other back-ends the run itself does it, when it asks them for answers.
    """
    last = ledger.last_round()
    if last is not None and _collects_from_page(ledger, last) and ledger.paused() is None:
        settle(ledger, last)


def waits_for_nobody(ledger: Ledger) -> bool:
    """Tell whether the campaign can go on: people answer on our page, none of them has to answer first, and nobody
    paused it.

    Other back-ends are asked by the run itself, so when to run is for people to say.
    """
    last = ledger.last_round()
    if last is None or ledger.paused() is not None:
        return False
    if last.status != "running":
        asked = ledger.wanted() or last.settings
        return asked.annotator.backend == "page" and last.stop_reason is None
    if last.settings.annotator.backend != "page":
        return False
    return not _collects_from_page(ledger, last) or verdict_of(ledger, last).until is Until.NOTHING


def _collects_from_page(ledger: Ledger, this: Round) -> bool:
    if this.settings.annotator.backend != "page" or this.status != "running":
        return False
    collected = ledger.step(this.round_id, "collect")
    return collected is None or collected.status != "finished"


def _last_line(output: Path) -> str:
    lines = output.read_text(errors="replace")[-4000:].splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")
