"""Progress of steps, for the terminal that runs them and for Prefect's pages where there are some."""

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

T = TypeVar("T")
Listener = Callable[[str, Progress], None]

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


@contextmanager
def terminal_progress(console: Console) -> Iterator[ProgressBars]:
    """Draw a bar per running step; a finished bar leaves the screen."""
    bars = _bars("[bold]{task.description}", console, TextColumn("{task.fields[note]}"))
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
    """Draw a bar that goes on by one with everything that other processes put into a queue."""
    bar = _bars("{task.description}", console)
    task = bar.add_task(what, total=total)

    def count() -> None:
        with suppress(Empty, EOFError, ConnectionError):
            queue.get(timeout=0.5)
            bar.advance(task)

    with bar, PeriodicThread("counting", 0.0, count):
        yield


def _bars(description: str, console: Console, *more: ProgressColumn) -> ProgressBars:
    return ProgressBars(
        TextColumn(description),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        *more,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
