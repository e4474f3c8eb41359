"""How a round ended, and whether one that is under way has to go on waiting: found out without Prefect."""

from contextlib import ExitStack
from dataclasses import dataclass, replace

from al_core.ledger.campaign.steering import Pause
from al_core.ledger.store import Ledger
from al_core.project import Project
from tasks.ledger.client import open_ledger
from tasks.project.round_control import pause_in_words
from tasks.report.formatting import awaited
from tasks.steps.collect import collect_found
from tasks.steps.context import Collected, Requested, RoundContext


@dataclass(frozen=True, slots=True)
class RoundOutcome:
    """How a round ended.

    Attributes:
        waiting: requests that people have not answered, or whose answer nobody approved; the round goes on when they
            have.
        rejected: answers that cannot be used, with the reasons.
        stop_reason: why the campaign is over, or None.
        paused: the pause for which nothing new begins, or None; ``round_id`` is 0 before the first round then.
        unapproved: those of ``waiting`` that are answered.
    """

    round_id: int
    waiting: int = 0
    rejected: tuple[str, ...] = ()
    stop_reason: str | None = None
    paused: Pause | None = None
    unapproved: int = 0

    @classmethod
    def awaiting(cls, round_id: int, found: Collected) -> "RoundOutcome":
        """Return that a round has to wait for people."""
        return cls(round_id, found.waiting, found.rejected, unapproved=found.unapproved)

    @property
    def goes_on(self) -> bool:
        """Whether the next round may begin at once."""
        return not self.waiting and self.stop_reason is None and self.paused is None

    def describe(self) -> str:
        """Say in one line how the round ended."""
        if self.paused is not None:
            return pause_in_words(self.paused)
        if self.waiting:
            return f"round {self.round_id} waits for {awaited(self.waiting - self.unapproved, self.unapproved)}"
        over = f"; the campaign is over: {self.stop_reason}" if self.stop_reason else ""
        return f"round {self.round_id} is finished{over}"


_IN_THE_PROJECT = ("page", "inbox", "cvat")
"""Back-ends whose answers lie in the project's folder; any other asks another program, which may take its time."""


def still_waits(project: Project, ledger: Ledger | None = None, opened: ExitStack | None = None) -> RoundOutcome | None:
    """Look whether the newest round has nothing to do but to wait for people; the answers that are there are taken in.

    Args:
        ledger: of the project; None to open it.
        opened: keeps the ledger open, and is closed before another program is asked; None where nobody does.

    Returns:
        How a run would end that only waits or is paused; None where there is work.
    """
    ledger = ledger or open_ledger(project)
    with ExitStack() as opened_here:
        opened_here.enter_context(ledger.held())
        last, pause = ledger.last_round(), ledger.paused()
        if last is None or last.status != "running":
            return None if pause is None else RoundOutcome(0 if last is None else last.round_id, paused=pause)
        context = RoundContext(project, ledger, last.round_id)
        if context.result(Requested) is None or context.settings.annotator.backend == "simulated":
            return None
        if context.result(Collected) is None:
            if context.settings.annotator.backend not in _IN_THE_PROJECT:
                opened_here.close()
                if opened is not None:
                    opened.close()
            found = collect_found(context)
            if found.waiting:
                return replace(RoundOutcome.awaiting(last.round_id, found), paused=pause)
        return None if pause is None else RoundOutcome(last.round_id, paused=pause)
