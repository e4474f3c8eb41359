"""The edge of the command line: what people see of an error, and what the project's log keeps of it."""

import errno
import gc
import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

import click

from al_core.errors import FewframesError, NoSpace, OutOfMemory, first_line
from tasks.processes.children import Stopped

ERROR_LOG = "errors.log"
"""File in the project that tracebacks are added to."""

_PROJECT, _DEBUG = "fewframes.project", "fewframes.debug"
_STOPS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""What ends a command in words, with the handler that it has where nobody else listens."""

_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


class Edge(click.Group):
    """Turns an error of the product into one line and exit code 1, Ctrl-C and SIGTERM into one line and 130 or 143.

    So does what the system does not let this user do, a full disk, and no memory. Any other error is a bug and keeps
    its traceback. The tracebacks of all are added to the project's log; ``--debug`` shows them.

    Args:
        later: "module:name" of commands, by their names, that are imported when they are asked for.
    """

    def __init__(self, *args: Any, later: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._later = later or {}

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command, which takes ``--debug`` at its end too."""
        for command in cmd.commands.values() if isinstance(cmd, click.Group) else (cmd,):
            command.params.append(debug_option(hidden=True))
        super().add_command(cmd, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in order."""
        return sorted({*self.commands, *self._later})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, which is imported if need be; None where there is none of this name."""
        if cmd_name in self._later and cmd_name not in self.commands:
            module, _, name = self._later[cmd_name].partition(":")
            self.add_command(getattr(import_module(module), name), cmd_name)
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        _write_any_name()
        with _stopped() as stops:
            try:
                return super().invoke(ctx)
            except (click.ClickException, click.exceptions.Exit, click.Abort):
                raise
            except BaseException as error:
                # A library may turn the interrupt into an error of its own.
                if stops or isinstance(error, KeyboardInterrupt):
                    click.echo("Stopped; give the same command again to go on.", err=True)
                    sys.exit(128 + (stops[0] if stops else signal.SIGINT))
                if isinstance(error, Exception):
                    _log(ctx, error)
                known = isinstance(error, FewframesError)
                words = str(error) if known else _forbidden(error) or _full(ctx, error) or _without_memory(error)
                if words is None:
                    raise
                if ctx.meta.get(_DEBUG):
                    traceback.print_exception(error)
                raise click.ClickException(words) from error


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage in cycles within the block: a command that is over at once would spend a tenth of its time on
    that. What works on ends it with ``gc.enable()``.
    """
    looked = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looked:
            gc.enable()


def debug_option(hidden: bool = False) -> click.Option:
    """Return the option that shows tracebacks."""
    text = "Show the traceback of an error, which otherwise only errors.log in the project has."
    return click.Option(["--debug"], is_flag=True, expose_value=False, hidden=hidden, callback=_set_debug, help=text)


def remember_project(ctx: click.Context, _: click.Parameter, root: Path) -> Path:
    """Note which project a command is about, as the callback of its option."""
    ctx.meta[_PROJECT] = root
    return root


def _set_debug(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    ctx.meta[_DEBUG] = wanted or ctx.meta.get(_DEBUG, False)


def _log(ctx: click.Context, error: Exception) -> None:
    root = ctx.meta.get(_PROJECT)
    # The folder may be one that this user may not look into.
    if root is None or not os.path.isfile(root / "ledger.duckdb"):
        return
    words = (
        f"--- {datetime.now():%Y-%m-%d %H:%M:%S} {' '.join(sys.argv[1:])}\n{''.join(traceback.format_exception(error))}"
    )
    # A full disk must not hide the error itself.
    with suppress(OSError), (root / ERROR_LOG).open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(words)


def _write_any_name() -> None:
    """Let names of files that are no UTF-8 be printed, escaped, where they would end the command."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in ("strict", "surrogateescape"):
        sys.stdout.reconfigure(errors="backslashreplace")


def _forbidden(error: BaseException) -> str | None:
    """Say what the system does not let this user do; None for any other error."""
    if not isinstance(error, OSError) or error.errno not in _FORBIDDEN:
        return None
    what = f"{error.filename}: " if error.filename else ""
    mend = "give a place on a disk that can be written"
    if error.errno != errno.EROFS:
        mend = f"let user {os.geteuid()} read and write it, or give the command as the user who may"
    return f"{what}{error.strerror or error}. Nothing is damaged: {mend}"


def _full(ctx: click.Context, error: BaseException) -> str | None:
    """Say that a disk is full, the project's where nothing else is known; None for any other error."""
    if not isinstance(error, OSError):
        return None
    folder = Path(error.filename).parent if error.filename else ctx.meta.get(_PROJECT, Path())
    said = NoSpace.caused_by(error, folder if folder.is_dir() else Path())
    return None if said is None else str(said)


def _without_memory(error: BaseException) -> str | None:
    """Say that memory ran out, in whichever library; None for any other error."""
    if not OutOfMemory.seen_in(error):
        return None
    return (
        f"memory ran out ({first_line(error)}). What was finished is kept: end other programs, or let this one have "
        "more, and give the same command again"
    )


@contextmanager
def _stopped() -> Iterator[list[int]]:
    """Note within the block that Ctrl-C or SIGTERM came, each of which raises Stopped; yields their numbers.

    As the first process of a container, a command that has no handler would not hear SIGTERM at all.
    """
    stops: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        stops.append(number)
        raise Stopped

    mine = {number: usual for number, usual in _STOPS.items() if signal.getsignal(number) is usual}
    if threading.current_thread() is not threading.main_thread():
        mine = {}
    for number in mine:
        signal.signal(number, stop)
    try:
        yield stops
    finally:
        for number, usual in mine.items():
            signal.signal(number, usual)
