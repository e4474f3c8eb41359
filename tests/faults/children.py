"""Child processes that start at once, because what they need is loaded already, and that die at a chosen moment.

A child is forked from a server process that has imported torch, mmdet and the steps, and has done nothing with them.
It dies by its own hand, ``kill -9``, right before or right after a call that leaves something on disk, so that the
moments that matter are hit, or by its parent's after a time, which also hits the inside of such calls.
"""

import contextlib
import importlib
import io
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

MARKS = frozenset(
    ("execute", "replace", "rename", "write", "write_record", "write_end_of_file", "fsync", "unlink", "mkdir", "flush")
)
"""Calls of compiled code that leave something on disk, or are about to."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.faults.preload"])


@dataclass(frozen=True)
class Moment:
    """When a child kills itself.

    Attributes:
        call: at so many calls that leave something on disk, from 1.
        after: when the call is over, not before it.
        among: names of the calls that count; empty for all.
    """

    call: int
    after: bool
    among: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        code: 0, 1 after an error that a person is told, 2 after one that is a bug, -9 when it was killed.
        said: what it printed.
        counted: calls that left something on disk, by name, when they were counted.
        result: what the work returned.
    """

    code: int
    said: str
    seconds: float
    counted: Mapping[str, int] = field(default_factory=dict)
    result: Any = None

    @property
    def calls(self) -> int:
        """All of them."""
        return sum(self.counted.values())

    @property
    def killed(self) -> bool:
        """Whether it was killed."""
        return self.code == -signal.SIGKILL


def run(
    work: Callable[..., Any],
    *arguments: Any,
    die: Moment | None = None,
    kill_after: float | None = None,
    count: bool = False,
    file_limit: int | None = None,
    patience: float = 120.0,
) -> Ended:
    """Call a function of a module in a child, and wait for its end.

    Args:
        die: the moment at which the child kills itself.
        kill_after: seconds after which it is killed.
        count: count the calls that leave something on disk.
        file_limit: no file may grow beyond so many bytes (``RLIMIT_FSIZE``).
        patience: seconds after which a child that is not through counts as hung.
    """
    child = Child(work, *arguments, die=die, count=count, file_limit=file_limit)
    return child.end(kill_after, patience)


class Child:
    """A child that is at work."""

    def __init__(
        self,
        work: Callable[..., Any],
        *arguments: Any,
        die: Moment | None = None,
        count: bool = False,
        file_limit: int | None = None,
    ) -> None:
        self._ours, theirs = _context.Pipe(duplex=False)
        self._started = time.monotonic()
        self._process: BaseProcess = _context.Process(
            target=_live, args=(theirs, work.__module__, work.__qualname__, arguments, die, count, file_limit)
        )
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    def end(self, kill_after: float | None = None, patience: float = 120.0) -> Ended:
        """Wait for its end, or bring it about."""
        said, calls, result = "", {}, None
        if kill_after is not None:
            self._process.join(kill_after)
            self._process.kill()
        with contextlib.suppress(EOFError):
            if self._ours.poll(patience):
                said, calls, result = self._ours.recv()
        self._process.join(10)
        hung = self._process.exitcode is None
        if hung:
            self._process.kill()
            self._process.join()
            said += f"\nit was not through after {patience:g} s"
        code = 2 if hung else int(self._process.exitcode or 0)
        return Ended(code, said, time.monotonic() - self._started, calls, result)


def _live(
    pipe: Any,
    module: str,
    name: str,
    arguments: tuple[Any, ...],
    die: Moment | None,
    count: bool,
    file_limit: int | None,
) -> None:
    """The life of a child."""
    work = getattr(importlib.import_module(module), name)
    said = io.StringIO()
    watch = _Watch(die)
    if file_limit is not None:
        _limit_files(file_limit)
    if die is not None or count:
        threading.setprofile(watch)
        sys.setprofile(watch)
    code, result = 0, None
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            result = work(*arguments)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else bool(error.code)
    except BaseException as error:
        code = _tell(error, said)
    sys.setprofile(None)
    threading.setprofile(None)  # type: ignore[arg-type]
    if file_limit is not None:
        _limit_files(resource.RLIM_INFINITY)
    pipe.send((said.getvalue(), dict(watch.calls), result))
    pipe.close()
    os._exit(code)


def _limit_files(n_bytes: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))


class _Watch:
    """Counts the calls that leave something on disk, and kills the process at one of them."""

    def __init__(self, die: Moment | None) -> None:
        self.calls: Counter[str] = Counter()
        self._die = die
        self._among = (die.among if die else None) or MARKS
        self._left = die.call if die else -1

    def __call__(self, frame: Any, event: str, called: Any) -> None:
        if not event.startswith("c_") or called.__name__ not in MARKS:
            return
        if called.__name__ == "replace" and not isinstance(called.__self__, ModuleType):
            # Of a string or a time: nothing is written.
            return
        if event == "c_call":
            self.calls[called.__name__] += 1
            if called.__name__ in self._among:
                self._left -= 1
                if self._left == 0 and self._die is not None and not self._die.after:
                    os.kill(os.getpid(), signal.SIGKILL)
        elif self._left == 0 and called.__name__ in self._among:
            os.kill(os.getpid(), signal.SIGKILL)


def _tell(error: BaseException, said: io.StringIO) -> int:
    """As the command line does: an error of ours in one line, any other with its traceback."""
    from al_core.errors import FewframesError

    if isinstance(error, FewframesError):
        said.write(f"Error: {error}\n")
        return 1
    said.write("".join(traceback.format_exception(error)))
    return 2
