"""The edge of the command line: what people see of an error, and what the project's log keeps of it."""

import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

import click

from al_core.errors import FewframesError

ERROR_LOG = "errors.log"
"""File in the project that tracebacks are added to."""

_PROJECT, _DEBUG = "fewframes.project", "fewframes.debug"
_INTERRUPTED = 130


class Edge(click.Group):
    """Turns an error of the product into one line and exit code 1, and Ctrl-C into one line and exit code 130.

    Any other error is a bug and keeps its traceback. The tracebacks of both are added to the project's log;
    ``--debug`` shows them.
    """

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command, which takes ``--debug`` at its end too."""
        for command in cmd.commands.values() if isinstance(cmd, click.Group) else (cmd,):
            command.params.append(debug_option(hidden=True))
        super().add_command(cmd, name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _interrupts() as interrupted:
            try:
                return super().invoke(ctx)
            except (click.ClickException, click.exceptions.Exit, click.Abort):
                raise
            except BaseException as error:
                # A library may turn the interrupt into an error of its own.
                if interrupted.is_set() or isinstance(error, KeyboardInterrupt):
                    click.echo("Stopped; give the same command again to go on.", err=True)
                    sys.exit(_INTERRUPTED)
                if isinstance(error, Exception):
                    _log(ctx, error)
                if not isinstance(error, FewframesError):
                    raise
                if ctx.meta.get(_DEBUG):
                    traceback.print_exception(error)
                raise click.ClickException(str(error)) from error


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
    if root is None or not (root / "ledger.duckdb").is_file():
        return
    words = (
        f"--- {datetime.now():%Y-%m-%d %H:%M:%S} {' '.join(sys.argv[1:])}\n{''.join(traceback.format_exception(error))}"
    )
    # A full disk must not hide the error itself.
    with suppress(OSError), (root / ERROR_LOG).open("a", encoding="utf-8") as file:
        file.write(words)


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Note within the block that Ctrl-C was pressed, where Python would raise KeyboardInterrupt."""
    interrupted = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        signal.default_int_handler(number, frame)

    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield interrupted
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
