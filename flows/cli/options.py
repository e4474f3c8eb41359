"""Options that several commands share, and the project that they speak of."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from al_core.errors import ReadOnly
from al_core.export import FORMATS, WITH_SCANS
from al_core.files import is_printable, printable
from al_core.project import Project
from flows.cli.edge import remember_project

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from al_core.ledger.store import Ledger

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])


def check_above(path: Path) -> None:
    """Check that a file or folder can be in the one above it.

    Raises:
        click.BadParameter: what is above is a file.
    """
    above = next((parent for parent in path.absolute().parents if parent.exists()), None)
    if above is not None and not above.is_dir():
        raise click.BadParameter(f"{printable(path)}: {printable(above)} is a file; expected a folder")


def _project_option(callback: Callable[[click.Context, click.Parameter, Path], Path]) -> Callable[[F], F]:
    return click.option(
        "--project",
        "root",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path(),
        show_default="this folder",
        callback=callback,
        help="Folder of the project: ledger, caches, rounds.",
    )


def _remember_readable(context: click.Context, parameter: click.Parameter, root: Path) -> Path:
    place = root.resolve()
    check_above(place)
    if not is_printable(place):
        # The database could not open its file.
        raise click.BadParameter(f"{printable(place)}: the name is not UTF-8; rename the folder")
    return remember_project(context, parameter, root)


def _remember_writable(context: click.Context, parameter: click.Parameter, root: Path) -> Path:
    from al_core.ledger.file.soundness import check_writable

    place = _remember_readable(context, parameter, root)
    try:
        check_writable(Project.at(place).ledger_path)
    except ReadOnly as error:
        raise click.ClickException(str(error)) from None
    return place


project_option = _project_option(_remember_writable)
"""Of a command that changes the project; one that is read-only is refused before anything is done."""

readable_project_option = _project_option(_remember_readable)
"""Of a command that only looks at the project."""


def settings_options(command: Callable[P, None]) -> Callable[P, None]:
    """Add the options that say how a campaign is run."""
    presets = "A preset (default, quick, ...) or a TOML file."
    change = "Change one setting, e.g. selection.strategy=random."
    command = click.option("--set", "changes", metavar="NAME=VALUE", multiple=True, help=change)(command)
    return click.option("--settings", "preset", metavar="PRESET|FILE", help=presets)(command)


def is_format(name: str) -> bool:
    """Tell whether there is such an export format, of ours or of a plug-in."""
    if name in FORMATS:
        return True
    from al_core.export.exporters import EXPORTERS

    return name in EXPORTERS


class OutFile(click.Path):
    """A file to write; what is there is replaced only where it was written like this: another file would be lost.

    Args:
        begins: first bytes of what is written.
    """

    def __init__(self, begins: bytes) -> None:
        super().__init__(dir_okay=False, path_type=Path)
        self._begins = begins

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path, if it may be written."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        check_above(path)
        if path.is_file():
            with path.open("rb") as file:
                begins = file.read(len(self._begins))
            if begins not in (b"", self._begins):
                self.fail(f"{path} is there already, is something else and would be lost; name another file")
        return path


PAGE_FILE = OutFile(b"<!doctype html")
RECORDS_FILE = OutFile(b"[")
CERTIFICATE_FILE = OutFile(b"{")
BACKUP_FILE = OutFile(b"ledger.duckdb\0")
"""A backup begins with the name of what is first in it."""


class ExportFormat(click.ParamType):
    """The name of an export format, of ours or of a plug-in.

    Args:
        scans: the formats that need a lidar's scans are among them.
    """

    name = "format"

    def __init__(self, scans: bool = False) -> None:
        self._without = () if scans else tuple(WITH_SCANS)

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name if there is such a format."""
        if value in self._without:
            self.fail(f"{value!r} needs scans, which are named with: fewframes export", param, ctx)
        if not is_format(value):
            self.fail(f"expected one of {', '.join(FORMATS)}, or one of a plug-in, got {value!r}", param, ctx)
        return value


FORMATS_METAVAR = f"[{'|'.join(FORMATS)}|PLUG-IN]"


def terminal() -> "Console":
    """Return the terminal for plain text: names of videos and people may hold brackets, colons and what else."""
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False)


def existing(root: Path) -> Project:
    """Return the project in a folder that has a ledger.

    Raises:
        click.ClickException: the folder holds no project; the message says how to begin one.
    """
    from al_core.ledger.file.soundness import check_place

    project = Project.at(root)
    check_place(project.ledger_path)
    if not project.ledger_path.is_file():
        raise click.ClickException(
            f"{project.root} holds no project yet; begin with: fewframes ingest PATH {project.option}"
        )
    return project


def opened(root: Path) -> "tuple[Project, Ledger]":
    """Return the project in a folder, and its ledger.

    Raises:
        click.ClickException: the folder holds no project.
    """
    from tasks.ledger.client import open_ledger

    project = existing(root)
    return project, open_ledger(project)


def plain_table(*columns: str) -> "Table":
    """Return an empty table for the terminal; long cells break their lines."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(header_style="bold", box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, overflow="fold")
    return table
