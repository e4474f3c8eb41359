"""Rounds that nobody hears of: whether one may go on although no answer came just now, or needs somebody."""

from collections.abc import Callable

from al_core.ledger.store import Ledger
from al_core.project import Project
from tasks.processes.children import is_run
from tasks.processes.rounds_runner import waits_for_nobody
from tasks.scheduling.events import need_of, tell_need


class WaitingRounds:
    """Looks whether there is something to do that nobody was told of, because no answer came or a run just ended, and
    whether a round needs somebody.

    Args:
        go_on: called when rounds may go on, once until something has changed.
    """

    def __init__(self, project: Project, ledger: Ledger, go_on: Callable[[], None]) -> None:
        self._project = project
        self._ledger = ledger
        self._go_on = go_on
        self._told: tuple[int, str] | None = None
        self._let_go: tuple[int, int] | None = None

    def look(self) -> None:
        """Look once."""
        last = self._ledger.last_round()
        if last is None:
            return
        if not waits_for_nobody(self._ledger):
            self._let_go = None
        elif not is_run(self._project.root):
            reached = (last.round_id, sum(step.status == "finished" for step in self._ledger.steps(last.round_id)))
            if self._let_go != reached:
                self._let_go = reached
                self._go_on()
        need = need_of(self._ledger)
        if need is not None and self._told != (last.round_id, need):
            self._told = (last.round_id, need)
            tell_need(self._project, self._ledger, need)
