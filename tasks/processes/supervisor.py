"""What goes on beside a command while it lives: children that are begun again, and work that is done ever again."""

import logging
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from tasks.processes.children import begun, end

_log = logging.getLogger(__name__)

_LONGEST_WAIT = 60.0
_STEADY_SECONDS = 60.0


class KeptChild:
    """A child process that is begun again whenever it ends, until the block ends.

    One that ends soon is begun again later each time, up to a minute.

    Attributes:
        times: how often it was begun.

    Args:
        name: for the log.
        command: what the child runs.
        output: file that the child's output is added to.
        first_wait: seconds until a child that ended is begun again the first time.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        output: Path,
        first_wait: float = 1.0,
    ) -> None:
        self._name = name
        self._command = list(command)
        self._output = output
        self._first_wait = first_wait
        self._ending = threading.Event()
        self._begun = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self.times = 0
        # The operating system ends a child with the thread that began it, so one thread does it all.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._begun.wait()
        return self

    def __exit__(self, *_: object) -> None:
        """End the child."""
        self._ending.set()
        self._thread.join()

    @property
    def pid(self) -> int:
        """Number of the process that runs now, or ran last; 0 before the first."""
        return self._child.pid if self._child is not None else 0

    def _work(self) -> None:
        wait = self._first_wait
        while not self._ending.is_set():
            began = time.monotonic()
            self._run()
            if self._ending.is_set():
                return
            if time.monotonic() - began > _STEADY_SECONDS:
                wait = self._first_wait
            _log.warning("%s ended; it is begun again, its output is in %s", self._name, self._output)
            self._ending.wait(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    def _run(self) -> None:
        try:
            with self._output.open("ab") as output:
                child = begun(self._command, output)
        except OSError:
            _log.exception("%s cannot be begun", self._name)
            return
        finally:
            self._begun.set()
        self._child = child
        self.times += 1
        _log.info("%s is process %d", self._name, child.pid)
        while child.poll() is None:
            if self._ending.wait(0.2):
                end(child)


class Every:
    """Calls something every so many seconds in a thread of its own, until the block ends; errors are logged.

    Args:
        name: for the log.
        seconds: from the end of a call to the next; the first comes at once.
    """

    def __init__(self, name: str, seconds: float, work: Callable[[], object]) -> None:
        self._name = name
        self._seconds = seconds
        self._work = work
        self._ending = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
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
                # An outage is told when it begins, not at every look.
                _log.log(logging.DEBUG if self._failing else logging.WARNING, "%s: %s", self._name, error)
                self._failing = True
            self._ending.wait(self._seconds)
