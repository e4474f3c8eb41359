"""Work beside a command while it lives: a thread that repeats a call, a child that is run or restarted."""

import logging
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tasks.processes.children import end, kill, start_child

if TYPE_CHECKING:
    from tasks.processes.heartbeat import Watchdog

_log = logging.getLogger(__name__)

_LONGEST_WAIT = 60.0
_STEADY_SECONDS = 60.0
_POLL_SECONDS = 0.2


class PeriodicThread:
    """A thread that repeats a call until the block ends, some seconds after its last end; the first comes at once.

    Errors are logged, an outage once when it begins.
    """

    def __init__(self, name: str, seconds: float, work: Callable[[], object]) -> None:
        self._name = name
        self._seconds = seconds
        self._work = work
        self._ending = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; it ends with the process at the latest."""
        self._thread.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._ending.is_set():
            try:
                self._work()
                self._failing = False
            except Exception as error:
                _log.log(logging.DEBUG if self._failing else logging.WARNING, "%s: %s", self._name, error)
                self._failing = True
            self._ending.wait(self._seconds)


class SupervisedProcess:
    """A command that is run as a child of the calling thread, one run after another, and killed when it hangs.

    The operating system ends a child with the thread that started it, so one thread has to make all calls of
    :meth:`run`.

    Attributes:
        output: file that the child's output is added to.
        pid: number of the process that runs now, or ran last; 0 before the first.
        times: how often one was started.
        hung: why the last one was killed; None where it ended by itself.
        ending: set by others to end the child and to start none any more.
        watchdog: looks whether the child hangs; may be given later.
        niceness: of the child, see :func:`start_child`.
    """

    def __init__(
        self, command: Sequence[str], output: Path, watchdog: "Watchdog | None" = None, niceness: int = 0
    ) -> None:
        self.command = list(command)
        self.output = output
        self.watchdog = watchdog
        self.niceness = niceness
        self.ending = threading.Event()
        self.pid = 0
        self.times = 0
        self.hung: str | None = None

    def run(self, on_start: Callable[[], object] = lambda: None) -> int:
        """Run the command to its end, which comes early when ``ending`` is set; returns the exit code.

        Args:
            on_start: called when the process has its number.

        Raises:
            OSError: it cannot be started.
        """
        with self.output.open("ab") as output:
            child = start_child(self.command, output, self.niceness)
        self.pid, self.hung = child.pid, None
        self.times += 1
        on_start()
        _log.info("process %d runs %s", child.pid, " ".join(self.command))
        if self.watchdog is not None:
            self.watchdog.reset()
        while child.poll() is None:
            if self.ending.wait(_POLL_SECONDS):
                end(child)
            else:
                self._kill_if_hung(child)
        _log.info("process %d ended with code %d", child.pid, child.returncode)
        return child.returncode

    def _kill_if_hung(self, child: subprocess.Popen[bytes]) -> None:
        self.hung = self.watchdog.look() if self.watchdog is not None else None
        if self.hung is not None:
            _log.error("%s; it is killed", self.hung)
            kill(child.pid)
            child.wait()


class RestartedProcess(SupervisedProcess):
    """A child process that is restarted whenever it ends, until the block ends.

    After each quick end the next start comes later: first after ``first_wait`` seconds, at most after a minute.
    """

    def __init__(
        self, name: str, command: Sequence[str], output: Path, first_wait: float = 1.0, niceness: int = 0
    ) -> None:
        super().__init__(command, output, niceness=niceness)
        self._name = name
        self._first_wait = first_wait
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)

    def __enter__(self) -> Self:
        """Start the child; when this returns it has its number, or could not be started."""
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        """End the child."""
        self.ending.set()
        self._thread.join()

    def watch(self, watchdog: "Watchdog") -> None:
        """Kill the child from now on when it hangs, so that it is restarted."""
        watchdog.reset()
        self.watchdog = watchdog

    def _keep(self) -> None:
        wait = self._first_wait
        while not self.ending.is_set():
            started_at = time.monotonic()
            try:
                self.run(self._started.set)
            except OSError:
                _log.exception("%s cannot be started", self._name)
            self._started.set()
            if self.ending.is_set():
                return
            if time.monotonic() - started_at > _STEADY_SECONDS:
                wait = self._first_wait
            _log.warning("%s ended; it is restarted, its output is in %s", self._name, self.output)
            self.ending.wait(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
