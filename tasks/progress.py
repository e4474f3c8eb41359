"""Progress of steps, for the terminal that runs them and for Prefect's pages where there are some.

A terminal shows bars. Where the output goes elsewhere, into a log or a pipe, it gets a plain line now and then.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from queue import Empty, Queue
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as ProgressBars

from al_core.records import Progress
from tasks.processes.supervisor import PeriodicThread
from tasks.report.formatting import duration

T = TypeVar("T")
Listener = Callable[[str, Progress], None]

EVERY_SECONDS = 10.0
"""Seconds between two plain lines."""

_BAR_WIDTH = 20

_listeners: ContextVar[tuple[Listener, ...]] = ContextVar("progress_listeners", default=())


def progress_of(step: str) -> Callable[[Progress], None]:
    """Return what a step calls as it goes on; it costs nothing when nobody listens."""
    listeners = _listeners.get()

    def tell(progress: Progress) -> None:
        for listener in listeners:
            listener(step, progress)

    return tell


def telling(things: Iterable[T], total: int, note: str, on_progress: Callable[[Progress], None] | None) -> Iterator[T]:
    """Yield the same things; tell with each how many there were, of ``total``."""
    for done, thing in enumerate(things, start=1):
        if on_progress is not None:
            on_progress(Progress(done, total, note))
        yield thing


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send the progress of every step within the block to ``listener(step, progress)`` too."""
    token = _listeners.set((*_listeners.get(), listener))
    try:
        yield
    finally:
        _listeners.reset(token)


class PlainLines:
    """Prints how far a step is, at most so often and never for what is done sooner.

    Args:
        console: takes the lines.
        every: seconds between two lines.
        clock: seconds that never go back.
    """

    def __init__(self, console: Console, every: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._every = every
        self._clock = clock
        self._started: dict[str, tuple[float, int]] = {}
        self._said = clock()
        self._lock = threading.Lock()

    def tell(self, step: str, progress: Progress) -> None:
        """Take note of how far a step is, and print it where the last line is long ago."""
        with self._lock:
            now = self._clock()
            begun, from_done = self._started.setdefault(step, (now, progress.done))
            if progress.done >= progress.total:
                del self._started[step]
            if now - self._said < self._every:
                return
            self._said = now
        words = [f"{step}: {progress.done:,} of {progress.total:,}", f"{duration(now - begun)} so far"]
        left = progress.total - progress.done
        if left > 0 and progress.done > from_done:
            words.append(f"about {duration((now - begun) / (progress.done - from_done) * left)} left")
        if progress.note and progress.note not in step:
            words.append(progress.note)
        self._console.print(", ".join(words), highlight=False, markup=False, soft_wrap=True)


@contextmanager
def terminal_progress(console: Console) -> Iterator[ProgressBars | None]:
    """Draw a bar per running step, where a finished bar leaves the screen; without a terminal, print plain lines."""
    if not console.is_terminal:
        with listening(PlainLines(console, EVERY_SECONDS).tell):
            yield None
        return
    columns: list[ProgressColumn] = [
        TextColumn("[bold]{task.description}"),
        BarColumn(_BAR_WIDTH),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    ]
    bars = ProgressBars(*columns, console=console, transient=True)
    shown: dict[str, TaskID] = {}

    def draw(step: str, progress: Progress) -> None:
        if step not in shown:
            shown[step] = bars.add_task(step, total=progress.total, note=progress.note)
        bars.update(shown[step], completed=progress.done, total=progress.total, note=progress.note)
        if progress.done >= progress.total:
            bars.remove_task(shown.pop(step))

    with bars, listening(draw):
        yield bars


@contextmanager
def counting(what: str, queue: "Queue[int]", total: int, console: Console) -> Iterator[None]:
    """Show progress that goes on by one with everything that other processes put into a queue."""
    done = 0

    with terminal_progress(console):
        tell = progress_of(what)
        tell(Progress(0, total))

        def count() -> None:
            nonlocal done
            with suppress(Empty, EOFError, ConnectionError):
                queue.get(timeout=0.5)
                done += 1
            tell(Progress(done, total))

        with PeriodicThread("counting", 0.0, count):
            yield
