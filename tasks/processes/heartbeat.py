"""Heartbeats between processes: one touches a file, a watchdog in another notices when the touches end.

Only the time between two looks counts, by the monotonic clock: neither a clock that jumps nor a machine that slept
makes a living process look dead.
"""

import logging
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from al_core.errors import WorkerLost
from tasks.processes.children import kill
from tasks.processes.supervisor import PeriodicThread

_log = logging.getLogger(__name__)

BEAT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds of silence after which the log says so, and after which the process is killed.

    That is long enough for compiled code that lets no other thread of its process run.
    """

    warn: float = 60.0
    kill: float = 900.0


class Watchdog:
    """Tells when a process has been silent for too long.

    Args:
        who: for the message, e.g. "the run".
        beat: returns something that changes with every heartbeat.
        every: seconds between two calls of ``beat``; looks in between tell nothing.
    """

    def __init__(
        self, who: str, beat: Callable[[], object], patience: Patience | None = None, every: float = 0.0
    ) -> None:
        self._who = who
        self._beat = beat
        self._patience = patience or Patience()
        self._every = every
        self._last: object = None
        self.reset()

    def reset(self) -> None:
        """Begin to count now, as for a process that has just started."""
        self._since = self._looked = time.monotonic()
        self._warned = False

    def look(self) -> str | None:
        """Look for a heartbeat; returns why the process has to be killed, once its time is over."""
        if time.monotonic() - self._looked < self._every:
            return None
        beat = self._beat()
        self._looked = time.monotonic()
        if beat != self._last:
            if self._warned:
                _log.warning("%s shows its heartbeat again", self._who)
            self._last = beat
            self.reset()
            return None
        silent = self._looked - self._since
        if silent >= self._patience.kill:
            # The process that takes its place has as much time.
            self.reset()
            return f"{self._who} has shown no heartbeat for {silent:.0f} s: it hangs, or was stopped"
        if silent >= self._patience.warn and not self._warned:
            self._warned = True
            left = self._patience.kill - silent
            _log.warning("%s has shown no heartbeat for %.0f s; it is killed in %.0f s", self._who, silent, left)
        return None


class Heartbeat(PeriodicThread):
    """Touches a file, which has to exist, every few seconds until the block ends, as long as this process runs."""

    def __init__(self, path: Path, seconds: float = BEAT_SECONDS) -> None:
        self._path = path
        super().__init__("heartbeat", seconds, self._touch)

    def _touch(self) -> None:
        # The next touch will do as well.
        with suppress(OSError):
            os.utime(self._path)


def beat_as_worker(folder: Path, seconds: float = BEAT_SECONDS) -> None:
    """Start the heartbeat of this process, a worker (see :func:`watched_workers`): a file named by its number."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / str(os.getpid())
    path.touch()
    Heartbeat(path, seconds).start()


@contextmanager
def watched_workers(folder: Path, patience: Patience | None = None, seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Kill worker processes of this one within the block when their heartbeat stops.

    A pool of processes then breaks, and says so, instead of waiting for ever. The folder, where the workers touch
    their files, is emptied first.

    Raises:
        WorkerLost: a worker was killed, by this or by anything else.
    """
    shutil.rmtree(folder, ignore_errors=True)
    watchdogs: dict[int, Watchdog] = {}

    def look() -> None:
        for worker in multiprocessing.active_children():
            pid = worker.pid or 0
            beat = touched(folder / str(pid))
            if beat() is None:
                continue
            reason = watchdogs.setdefault(pid, Watchdog(f"worker process {pid}", beat, patience)).look()
            if reason is not None:
                _log.error("%s; it is killed", reason)
                kill(pid)

    with PeriodicThread("watching workers", seconds, look):
        try:
            yield
        except BrokenProcessPool as error:
            raise WorkerLost(
                "a worker process ended early: it was killed, it hung, or memory ran out. What is finished is kept: "
                "give the same command again, with fewer --workers if memory is short"
            ) from error


def touched(path: Path) -> Callable[[], object]:
    """Return the heartbeat of a process that touches a file; it gives None while there is no file."""

    def beat() -> object:
        try:
            return path.stat().st_mtime_ns
        except OSError:
            return None

    return beat
