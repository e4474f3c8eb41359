"""People at the queue: what they are asked, what they take, what they answer, and what time it is."""

from dataclasses import replace
from datetime import datetime, timedelta

from al_core.ledger.file.ledger_clock import system_time
from al_core.records import MaskLabel
from tests.toys.ledgers import mask_answer, square

LEASE = 300.0
MASKS = (MaskLabel(1, 1, square()),)


class Clock:
    """The system's time, and what it was put forward by."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        """Return the time, UTC without zone."""
        return system_time() + self.ahead

    def forward(self, seconds: float) -> None:
        """Put the clock forward, or back."""
        self.ahead += timedelta(seconds=seconds)


def claim(ledger, name):
    """The frame number that somebody gets, or None."""
    task = ledger.claim(name, LEASE)
    return None if task is None else task.question.request.frame.frame_idx


def answer(ledger, name, answer_id="a1", **changes):
    """Somebody answers what is in hand."""
    task = ledger.task_of(name)
    given = replace(mask_answer(task.question.request, answer_id), annotator=name, **changes)
    return ledger.submit(given, task.lease, task.base_revision)
