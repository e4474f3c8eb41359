"""The ledger for other programs: a published copy that may be read while rounds run, and questions in SQL."""

import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from al_core.errors import BadQuery
from al_core.ledger.file.soundness import check_writable, is_read_only
from al_core.ledger.store import Ledger
from al_core.project import Project


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was published: one DuckDB file, and a Parquet file of each table."""

    database: Path
    parquet: Path
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """The answer to a question in SQL.

    Attributes:
        more: whether rows were left out, since there were too many.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool = False


def publish_snapshot(project: Project, ledger: Ledger) -> Snapshot:
    """Write ``snapshot/ledger.duckdb`` and ``snapshot/parquet/``, all of one moment.

    A program that has an older snapshot open goes on reading that until it opens the file again; the new files take the
    place of the old ones whole.
    """
    check_writable(project.ledger_path)
    folder = project.root / "snapshot"
    parquet = folder / "parquet"
    parquet.mkdir(parents=True, exist_ok=True)
    with _scratch(folder) as name:
        scratch = Path(name)
        tables = ledger.publish_to(str(scratch / "ledger.duckdb"), name)
        for table in tables:
            os.replace(scratch / f"{table}.parquet", parquet / f"{table}.parquet")
        os.replace(scratch / "ledger.duckdb", folder / "ledger.duckdb")
    return Snapshot(folder / "ledger.duckdb", parquet, tuple(tables))


def ask(project: Project, ledger: Ledger, sql: str, limit: int | None = 1000) -> Rows:
    """Answer a question about the ledger as it is now. Nothing can be changed by it, and no other file be read.

    Args:
        sql: one statement in DuckDB's SQL.
        limit: rows at most; None for all.

    Raises:
        BadQuery: the statement cannot be run, or tries to change something.
    """
    with _scratch(None if is_read_only(project.ledger_path) else project.root) as scratch:
        database = Path(scratch) / "ledger.duckdb"
        ledger.publish_to(str(database), scratch)
        return _asked(database, sql, limit)


def _asked(database: Path, sql: str, limit: int | None) -> Rows:
    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": False,
        "lock_configuration": True,
        "memory_limit": "2GB",
    }
    connection = duckdb.connect(str(database), read_only=True, config=config)
    try:
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() UNION SELECT view_name FROM duckdb_views() "
            "WHERE NOT internal ORDER BY 1"
        ).fetchall()
        done = connection.execute(sql)
        if done is None:
            raise ValueError("there is no question")
        columns = tuple(name for name, *_ in done.description or ())
        found = done.fetchall() if limit is None else done.fetchmany(limit + 1)
    # Values that Python cannot hold (years beyond 9999) raise its own errors.
    except (duckdb.Error, ArithmeticError, ValueError) as error:
        tables = ", ".join(name for (name,) in names)
        raise BadQuery(f"{error}\nThe ledger is read only; its tables and views: {tables}.") from None
    finally:
        connection.close()
    kept = found if limit is None else found[:limit]
    return Rows(columns, tuple(kept), len(found) > len(kept))


def _scratch(folder: Path | None) -> TemporaryDirectory[str]:
    """Return a folder on the same disk, so that files can be moved from it at once; it is gone afterwards.

    Without a folder it lies where the system keeps temporary files.
    """
    return TemporaryDirectory(prefix=".snapshot-", dir=folder, ignore_cleanup_errors=True)
