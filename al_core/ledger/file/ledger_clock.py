"""The clock of a ledger: the system's, or another one that is handed in, as tests do.

Operations ask for the time deep inside a session, so the clock belongs to the session.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the time in UTC without zone."""


def system_time() -> datetime:
    """Return the system's time, UTC without zone."""
    return datetime.now(UTC).replace(tzinfo=None)


_of_session: ContextVar[Clock] = ContextVar("ledger_clock", default=system_time)


def time_of_session() -> datetime:
    """Return the time by the clock of the open session, else the system's."""
    return _of_session.get()()


@contextmanager
def by(clock: Clock) -> Iterator[None]:
    """Let operations within the block take their time from a clock."""
    token = _of_session.set(clock)
    try:
        yield
    finally:
        _of_session.reset(token)
