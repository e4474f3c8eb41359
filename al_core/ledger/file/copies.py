"""Copies of the whole ledger, each as of one moment, made while others go on writing."""

import json
from pathlib import Path
from uuid import uuid4

import duckdb

from al_core.ledger.file.upgrade import copy_whole
from al_core.ledger.operations import Operations, writes
from al_core.settings import HIDDEN, SECRETS

SECRET = frozenset({"access_key", "lease"})
"""Tables that open doors; they are never published."""


class CopyOperations(Operations):
    """The ledger as a file of its own. The ledger stays as it is; these operations count as writing because a second
    attempt would find their files half written."""

    @writes
    def copy_to(self, path: str) -> None:
        """Copy every table with its constraints and every view: a ledger that can be worked with.

        Args:
            path: a file that does not exist yet, absolute.
        """
        with self._connector.session() as connection:
            copy_whole(connection, Path(path))

    @writes
    def publish_to(self, path: str, folder: str) -> list[str]:
        """Write every table as it is now, for reading only: without constraints, which makes it ten times as fast, and
        without the tables that hold keys, and without addresses among the settings that may be secrets.

        Args:
            path: a DuckDB file that does not exist yet, absolute.
            folder: gets a Parquet file of each table, absolute.

        Returns:
            The names of the tables.
        """
        with self._connector.session() as connection:
            source, copy = _attach(connection, path)
            try:
                connection.execute("BEGIN")
                tables = [t for t in _names(connection, "duckdb_tables()", "table_name", source) if t not in SECRET]
                with_settings = _names(
                    connection, "duckdb_columns()", "table_name", source, "AND column_name = 'settings'"
                )
                for table in tables:
                    columns = _SHOWN if table in with_settings else "*"
                    connection.execute(f'CREATE TABLE {copy}."{table}" AS SELECT {columns} FROM "{source}"."{table}"')
                    file = _quoted(str(Path(folder) / f"{table}.parquet"))
                    connection.execute(f'COPY {copy}."{table}" TO {file} (FORMAT parquet, COMPRESSION zstd)')
                connection.execute(f"USE {copy}")
                for view in _names(connection, "duckdb_views()", "sql", source, "AND NOT internal"):
                    connection.execute(view)
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            finally:
                connection.execute(f'USE "{source}"')
                connection.execute(f"DETACH {copy}")
        return tables


def _without_secrets() -> str:
    """Return an expression for the column of settings as people may see them (see :meth:`Settings.shown`)."""
    shown = "settings"
    for name in SECRETS:
        section, _, leaf = name.partition(".")
        patch = json.dumps({section: {leaf: HIDDEN}})
        shown = (
            f"CASE WHEN coalesce(settings->>'$.{name}', '') = '' THEN {shown} "
            f"ELSE json_merge_patch({shown}, {_quoted(patch)}) END"
        )
    return shown


def _attach(connection: duckdb.DuckDBPyConnection, path: str) -> tuple[str, str]:
    """Open a new file beside the ledger; returns the names of both. Several copies may be made at the same time."""
    ((source,),) = connection.execute("SELECT current_database()").fetchall()
    copy = f"copy_{uuid4().hex}"
    connection.execute(f"ATTACH {_quoted(path)} AS {copy} (STORAGE_VERSION 'v1.5.0')")
    return source, copy


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _names(connection: duckdb.DuckDBPyConnection, of: str, column: str, source: str, more: str = "") -> list[str]:
    rows = connection.execute(f"SELECT {column} FROM {of} WHERE database_name = ? {more} ORDER BY 1", [source])
    return [name for (name,) in rows.fetchall()]


_SHOWN = f"* REPLACE ({_without_secrets()} AS settings)"
