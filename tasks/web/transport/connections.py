"""The connections of a server: half a request ends after a time, and a crowd of them keeps nobody out.

uvicorn waits for the rest of a request's head for ever, and when no more files can be opened, asyncio accepts nobody.
So there are never more connections than files, and the one that has waited longest for its client makes room.
"""

import asyncio
import logging
import resource
import sys
import time
from functools import partial
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_log = logging.getLogger(__name__)

HEAD_SECONDS = 20.0
"""How long the head of a request may take, from when the client may begin to send it."""

_MOST_FILES = 65_536 if sys.platform == "linux" else 10_240
"""More than this is not asked for; macOS refuses more."""

_KEPT_FREE = 64
"""Files for all but connections: the ledger, logs, videos that are read, children."""

_MOST_WAITING = 2048


class FileLimit:
    """How many connections a limit of open files leaves room for.

    Attributes:
        files: that this process may have open at a time.
        waiting: connections that are accepted in one go, and handshakes that are under way, at most.
        connections: that may be open at a time.
    """

    def __init__(self, files: int) -> None:
        self.files = files
        self.waiting = max(8, min(_MOST_WAITING, files // 8))
        # Those that come, those that go and those whose handshake is not done count too.
        self.connections = max(16, files - _KEPT_FREE - 3 * self.waiting)


def raised_limit() -> FileLimit:
    """Let this process and its children open as many files as the system lets them, and return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return FileLimit(_MOST_FILES if soft == resource.RLIM_INFINITY else soft)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):
        return FileLimit(soft)
    return FileLimit(most)


class PatientProtocol(H11Protocol):
    """HTTP of one connection, with an end to the wait for a request, and room for the next connection.

    Args:
        most: connections that may be open at a time.
        head_seconds: how long the head of a request may take.
    """

    def __init__(self, *args: Any, most: int, head_seconds: float = HEAD_SECONDS, **more: Any) -> None:
        super().__init__(*args, **more)
        self._most = most
        self._head_seconds = head_seconds
        self._head_end: asyncio.TimerHandle | None = None
        self._since = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request; where there are too many connections, another one ends."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._watch_head()
        if len(self.connections) > self._most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait."""
        self._forget_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._since = time.monotonic()

    @property
    def waiting(self) -> tuple[bool, float] | None:
        """Tell whether this connection is idle, rather than in want of the client's part of a request, and since when.

        None while the server is at work. The smaller one ends first.
        """
        if self.flow.write_paused or self._head_end is not None or self.conn.their_state is h11.SEND_BODY:
            return False, self._since
        return (True, self._since) if self.timeout_keep_alive_task is not None else None

    def _watch_head(self) -> None:
        """Count the seconds while a head is under way; an idle connection has its own end."""
        if self.conn.their_state is not h11.IDLE or self.timeout_keep_alive_task is not None:
            if self._head_end is not None:
                self._since = time.monotonic()
            self._forget_head()
        elif self._head_end is None and not self.transport.is_closing():
            self._since = time.monotonic()
            self._head_end = self.loop.call_later(self._head_seconds, self._end_head)

    def _forget_head(self) -> None:
        if self._head_end is not None:
            self._head_end.cancel()
            self._head_end = None

    def _end_head(self) -> None:
        self._head_end = None
        self.transport.abort()

    def _make_room(self) -> None:
        """End the connection that has waited longest for its client, among unfinished requests first."""
        others = [c for c in self.connections if isinstance(c, PatientProtocol) and not c.transport.is_closing()]
        waiting = [(c.waiting, id(c), c) for c in others if c.waiting is not None]
        if waiting and len(others) > self._most:
            _log.warning(
                "%d connections are open, as many as the limit of open files allows (ulimit -n): the one that waited "
                "longest for its client was ended",
                len(others) - 1,
            )
            min(waiting, key=lambda entry: entry[:2])[2].transport.abort()


def patient_protocol(limit: FileLimit) -> Any:
    """Return what makes the protocol of each connection of a server, as uvicorn takes it."""
    return partial(PatientProtocol, most=limit.connections)
