"""Commands that look after a project: questions in SQL, a snapshot for other programs, backup and restore."""

import csv
import json
import sys
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.cli.options import BACKUP_FILE, opened, plain_table, project_option, readable_project_option, terminal

if TYPE_CHECKING:
    from tasks.project.snapshot import Rows


@click.command()
@click.argument("query")
@readable_project_option
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(0), help="Rows at most; 0 for all.")
def sql(query: str, root: Path, form: str, limit: int) -> None:
    """Ask the ledger a question in DuckDB's SQL; read only, and possible while rounds run.

    \b
    fewframes sql "SELECT round_id, count(*) FROM answer GROUP BY 1 ORDER BY 1"
    """
    from tasks.project.snapshot import ask

    found = ask(*opened(root), query, limit or None)
    {"table": _as_table, "csv": _as_csv, "json": _as_json}[form](found)
    if found.more:
        click.echo(f"only the first {limit:,} rows are shown; --limit 0 shows all", err=True)


@click.command()
@project_option
def snapshot(root: Path) -> None:
    """Publish the ledger for other programs: a DuckDB file and Parquet files that they may read at any time."""
    from tasks.project.snapshot import publish_snapshot

    done = publish_snapshot(*opened(root))
    click.echo(f"{len(done.tables)} tables in {done.database} and {done.parquet}")


@click.command()
@click.argument("out", type=BACKUP_FILE)
@readable_project_option
def backup(out: Path, root: Path) -> None:
    """Write a project into one file, safe while rounds run; videos, which lie elsewhere, are not in it."""
    from tasks.progress import progress_of, terminal_progress
    from tasks.project.backup import back_up

    source = opened(root)
    with terminal_progress(terminal()):
        done = back_up(*source, out, progress_of("back up"))
    click.echo(
        f"{done.n_files:,} files, {done.n_bytes / 1e6:,.1f} MB, as of {_moment(done.created_at)}, in {done.path}"
    )


@click.command()
@click.argument("backup", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def restore(backup: Path, folder: Path) -> None:
    """Make a project of a backup in a new FOLDER; every file is checked first."""
    from al_core.project import Project
    from tasks.progress import progress_of, terminal_progress
    from tasks.project.backup import restore as restore_project

    with terminal_progress(terminal()):
        done = restore_project(backup, folder, progress_of("restore"))
    click.echo(
        f"{done.n_files:,} files of {_moment(done.created_at)} are in {folder}; "
        f"go on with: fewframes status {Project.at(folder).option}"
    )


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


def _as_table(found: "Rows") -> None:
    from rich.text import Text

    console, table = terminal(), plain_table(*found.columns)
    for row in found.rows:
        table.add_row(*(Text(_shown(value)) for value in row))
    wanted = console.measure(table, options=console.options.update(max_width=1_000_000)).maximum
    if wanted <= console.width:
        console.print(table)
        return
    # A row of many columns reads better as one line a column.
    longest = max(map(len, found.columns))
    for number, row in enumerate(found.rows, start=1):
        click.echo(f"--- row {number:,}")
        for name, value in zip(found.columns, row, strict=True):
            click.echo(f"{name:<{longest}}  {_shown(value)}".rstrip())


def _as_csv(found: "Rows") -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(found.columns)
    writer.writerows([_shown(value) if isinstance(value, bytes) else value for value in row] for row in found.rows)


def _as_json(found: "Rows") -> None:
    records = [{name: _plain(value) for name, value in zip(found.columns, row, strict=True)} for row in found.rows]
    click.echo(json.dumps(records, indent=1))


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; what JSON does not know becomes text."""
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    known = value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and isfinite(value))
    return value if known else _shown(value)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{len(value):,} bytes" if isinstance(value, bytes) else str(value)
