"""When a round goes on although people have not answered everything.

A round waits for the answers to its requests, and for approvals where answers need them. It goes on earlier when a
share of them is there, or when a deadline has passed, with what there is; what is left unanswered is withdrawn, and its
frames may be chosen again. Who has a frame in hand at that moment may finish it. A round without a single answer that
may be used has nothing to learn from, and goes on waiting.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from al_core.settings import ScheduleSettings

# A share of 0.55 of 100 requests is 55 of them, also where floating point says 55.00000000000001.
_ROUNDING = 1e-9


class Until(StrEnum):
    """What a round waits for: for answers, only for frames that somebody has in hand, or for nothing any more."""

    ANSWERED = "answered"
    PUT_DOWN = "put down"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Waiting:
    """How far the answers to a round's requests are.

    Attributes:
        answered: requests that have an answer that may be used.
        open: requests that have none and are still asked, those in hand included.
        in_hand: open requests that somebody has in hand.
        asked_at: when the round put its requests before people, UTC without zone; None before that.
        as_of: when this was so, by the same clock.
        unapproved: requests whose answer is not used before a reviewer has approved it.
    """

    answered: int
    open: int
    in_hand: int
    asked_at: datetime | None
    as_of: datetime
    unapproved: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a round waits for, and why, with the numbers."""

    until: Until
    reason: str


def judge(schedule: ScheduleSettings, waiting: Waiting, grace_seconds: float) -> Verdict:
    """Tell whether a round still waits. Where the clock was put back, its deadline comes later.

    Args:
        grace_seconds: for this long after the deadline, the round waits for frames in hand.
    """
    n = waiting.answered + waiting.unapproved + waiting.open
    answered = f"{waiting.answered} of {n} requests are answered"
    if waiting.unapproved:
        answered += f" and approved, {waiting.unapproved} more wait for a reviewer"
    if not waiting.open and not waiting.unapproved:
        return Verdict(Until.NOTHING, answered)
    over = deadline(schedule, waiting)
    late = over is not None and waiting.as_of >= over
    if not waiting.answered:
        passed = f", although the deadline of {schedule.deadline_hours:g} h has passed" if late else ""
        lacking = (
            f"answered and approved, {waiting.unapproved} wait for a reviewer" if waiting.unapproved else "answered"
        )
        return Verdict(Until.ANSWERED, f"none of {n} requests is {lacking}{passed}")
    if over is not None and late:
        reason = f"the deadline of {schedule.deadline_hours:g} h has passed, {answered}"
        past_grace = waiting.as_of >= over + timedelta(seconds=grace_seconds)
        return Verdict(Until.PUT_DOWN if waiting.in_hand and not past_grace else Until.NOTHING, reason)
    if waiting.answered / n >= schedule.answered_share - _ROUNDING:
        reason = f"{answered}, enough for a share of {schedule.answered_share:g}"
        return Verdict(Until.PUT_DOWN if waiting.in_hand else Until.NOTHING, reason)
    return Verdict(Until.ANSWERED, answered)


def deadline(schedule: ScheduleSettings, waiting: Waiting) -> datetime | None:
    """Return when the round's deadline passes, UTC without zone; None where it has none, or has not asked yet."""
    if not schedule.deadline_hours or waiting.asked_at is None:
        return None
    return waiting.asked_at + timedelta(hours=schedule.deadline_hours)
