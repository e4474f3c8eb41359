"""A sign of life between processes: one that works touches a file now and then, one that waits for it notices when the
touches end.

Only what passes between two looks counts, by the clock that no one can set: neither a clock that jumps nor a machine
that slept makes a living process look dead.
"""

import logging
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from al_core.errors import WorkerLost

_log = logging.getLogger(__name__)

BEAT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Signs:
    """How a process shows that it lives, and how long its silence is put up with.

    Attributes:
        sign: gives something that changes with every sign of life.
        tell: seconds of silence after which people are told.
        end: seconds of silence after which the process is ended. Long enough for compiled code that lets no other
            thread of its process run.
    """

    sign: Callable[[], object]
    tell: float = 60.0
    end: float = 900.0


class Silence:
    """How long somebody has given no sign of life, and what is done about it.

    Args:
        who: for the message, e.g. "the run (process 17)".
    """

    def __init__(self, who: str, signs: Signs) -> None:
        self._who = who
        self._signs = signs
        self._last: object = None
        self._since = time.monotonic()
        self._told = False

    def look(self) -> str | None:
        """Look for a sign; returns why the process is to be ended, once its time is over."""
        sign = self._signs.sign()
        if sign != self._last:
            if self._told:
                _log.warning("%s gives signs of life again", self._who)
            self._last, self._since, self._told = sign, time.monotonic(), False
            return None
        silent = time.monotonic() - self._since
        if silent >= self._signs.end:
            # Whoever takes its place has as much time.
            self._since, self._told = time.monotonic(), False
            return f"{self._who} gave no sign of life for {silent:.0f} s: it hangs, or was stopped"
        if silent >= self._signs.tell and not self._told:
            self._told = True
            left = self._signs.end - silent
            _log.warning("%s has given no sign of life for %.0f s; in %.0f s it is ended", self._who, silent, left)
        return None


@contextmanager
def beating(path: Path, seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Touch a file ever again until the block ends, as long as this process runs."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(seconds):
            # The next touch will do as well.
            with suppress(OSError):
                os.utime(path)

    thread = threading.Thread(target=beat, name="sign of life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def ended_when_silent(who: str, pid: Callable[[], int], signs: Signs, seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Within the block, kill a process that gives no sign of life for too long; whoever keeps it begins it again.

    Args:
        pid: its number now.
        seconds: from one look to the next.
    """
    over, silence = threading.Event(), Silence(who, signs)

    def watch() -> None:
        while not over.wait(seconds):
            reason = silence.look()
            if reason is not None:
                _log.error("%s; it is ended", reason)
                kill(pid())

    thread = threading.Thread(target=watch, name=f"watching {who}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def beat_for_life(folder: Path, seconds: float = BEAT_SECONDS) -> None:
    """In a worker process: touch a file of its number in a folder ever again, until the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / str(os.getpid())
    path.touch()

    def beat() -> None:
        while True:
            time.sleep(seconds)
            with suppress(OSError):
                os.utime(path)

    threading.Thread(target=beat, name="sign of life", daemon=True).start()


@contextmanager
def workers_watched(
    folder: Path, tell: float = 60.0, end: float = 900.0, seconds: float = BEAT_SECONDS
) -> Iterator[None]:
    """Within the block, kill worker processes of this one that beat for their life and stopped.

    A pool of processes then breaks, and says so, instead of waiting for ever.

    Args:
        folder: where the workers touch their files.
        tell, end: seconds of silence (see :class:`Signs`).
        seconds: from one look to the next.
    """
    shutil.rmtree(folder, ignore_errors=True)
    over, silences = threading.Event(), dict[int, Silence]()

    def watch() -> None:
        while not over.wait(seconds):
            for worker in multiprocessing.active_children():
                pid = worker.pid or 0
                signs = Signs(touched(folder / str(pid)), tell, end)
                if signs.sign() is None:
                    continue
                reason = silences.setdefault(pid, Silence(f"worker process {pid}", signs)).look()
                if reason is not None:
                    _log.error("%s; it is ended", reason)
                    kill(pid)

    thread = threading.Thread(target=watch, name="watching workers", daemon=True)
    thread.start()
    try:
        yield
    except BrokenProcessPool as error:
        raise WorkerLost(
            "a worker process was ended: it was killed, it hung, or memory ran out. What is finished is kept: give the "
            "same command again, with fewer --workers if memory is short"
        ) from error
    finally:
        over.set()
        thread.join()


def touched(path: Path) -> Callable[[], object]:
    """The sign of a process that touches a file."""

    def sign() -> object:
        try:
            return path.stat().st_mtime_ns
        except OSError:
            return None

    return sign


def kill(pid: int) -> None:
    """End a process that no longer listens; 0 stands for none."""
    with suppress(ProcessLookupError):
        if pid > 0:
            os.kill(pid, signal.SIGKILL)
