"""What time it is for a ledger: the system's, unless somebody brings another clock.

Operations ask for the time deep inside a session, so the session says whose clock it is by.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the time in UTC without zone."""


def system_time() -> datetime:
    """The system's time, UTC without zone."""
    return datetime.now(UTC).replace(tzinfo=None)


_of_session: ContextVar[Clock] = ContextVar("ledger_clock", default=system_time)


def time_of_session() -> datetime:
    """The time by the clock of the session that is open, else the system's."""
    return _of_session.get()()


@contextmanager
def by(clock: Clock) -> Iterator[None]:
    """Let operations within the block go by a clock."""
    token = _of_session.set(clock)
    try:
        yield
    finally:
        _of_session.reset(token)
