"""What somebody who serves a project is told of its rounds."""

import threading
from collections.abc import Callable

from al_core.campaign.waiting import Waiting
from al_core.ledger.store import Ledger, Round
from al_core.project import Project
from tasks.processes.rounds import RunState
from tasks.project.outlook import outlook_of
from tasks.project.round_control import command, pause_in_words
from tasks.report.formatting import awaited


class RoundNews:
    """Says how the rounds of a served project are, once whenever that has changed.

    Args:
        say: takes a sentence or two.
    """

    def __init__(self, project: Project, ledger: Ledger, say: Callable[[str], None]) -> None:
        self._project, self._ledger, self._say = project, ledger, say
        self._lock = threading.Lock()
        self._last: tuple[object, ...] = ()

    def tell(self, state: RunState) -> None:
        """Look how the rounds are, and say it unless it was said last; threads may look at the same time."""
        with self._lock:
            last = self._ledger.last_round()
            if last is None:
                return
            waiting = self._ledger.waiting(last.round_id)
            waits = last.status == "running" and waiting.open + waiting.unapproved > 0 and not state.running
            paused = self._ledger.paused() is not None
            moved = waits or state.running or last.stop_reason or last.status == "abandoned"
            now = (last.round_id, last.status, last.stop_reason, state.last_error, waits, paused)
            if now != self._last and (moved or state.last_error or paused):
                self._last = now
                self._say(self._sentence(last, state, waiting if waits else None))

    def _sentence(self, last: Round, state: RunState, waiting: Waiting | None) -> str:
        if state.last_error is not None:
            again = command("run", self._project)
            return f"The run ended early ({state.last_error}); see run.log, mend it, then: {again}"
        if (pause := self._ledger.paused()) is not None:
            return f"The project is {pause_in_words(pause)}."
        if last.status == "abandoned":
            return f"Round {last.round_id} was abandoned; round {last.round_id + 1} begins."
        if last.stop_reason:
            more = command("run --budget FRAMES", self._project)
            return f"The campaign is over: {last.stop_reason}. To label more: {more}"
        if waiting is None:
            return "Nobody has to answer now, so the rounds go on; what they do is in run.log."
        outlook = outlook_of(self._ledger, last.settings)
        return f"Round {last.round_id} waits for {awaited(waiting.open, waiting.unapproved)}. {outlook.of_round()}"
