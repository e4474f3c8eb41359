"""What becomes of a ledger that another version of fewframes made.

One of an earlier schema is read as it is, from a copy in memory that has the newest schema; who writes to it brings the
file itself to the newest schema and keeps it, as it was, beside it. One of a later schema is read as far as it can be
understood, and never written to.
"""

import logging
import os
from pathlib import Path
from uuid import uuid4

import duckdb

from al_core.errors import NewerLedger
from al_core.files import replaced
from al_core.fingerprint import code_version
from al_core.ledger.file.schema import NEWEST, Schema, migrate

_log = logging.getLogger(__name__)

ATTACHED = "ledger"
"""Name of a file that is attached for reading only."""


def state_of(path: Path) -> tuple[int, int, int]:
    """Return what changes whenever a file is written to, or replaced."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def in_memory(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Copy an attached ledger into memory, let go of the file, and bring the copy to the newest schema."""
    connection.execute(f"COPY FROM DATABASE {ATTACHED} TO memory")
    connection.execute("USE memory")
    connection.execute(f"DETACH {ATTACHED}")
    migrate(connection)
    return connection


def upgrade(connection: duckdb.DuckDBPyConnection, path: Path, found: Schema) -> Path:
    """Bring a ledger file to the newest schema, and say so; returns the copy of what it was.

    Raises:
        duckdb.Error: it could not be copied or migrated; it is as it was.
    """
    copy = _free(path, found.version)
    with replaced(copy) as new:
        copy_whole(connection, new)
        os.chmod(new, path.stat().st_mode & 0o777)
    migrate(connection)
    _log.warning(
        "%s: brought from schema %d to %d, which earlier versions cannot write; as it was, it is kept beside it in %s",
        *(path, found.version, NEWEST, copy.name),
    )
    return copy


def copy_whole(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Copy every table with its constraints and every view into a file that does not exist yet."""
    ((source,),) = connection.execute("SELECT current_database()").fetchall()
    quoted, copy = str(path).replace("'", "''"), f"copy_{uuid4().hex}"
    connection.execute(f"ATTACH '{quoted}' AS {copy} (STORAGE_VERSION 'v1.5.0')")
    try:
        connection.execute(f'COPY FROM DATABASE "{source}" TO {copy}')
    finally:
        connection.execute(f"DETACH {copy}")


def newer(path: Path, found: Schema) -> NewerLedger:
    """Return the error for a ledger that only a later version can write."""
    made_by = found.made_by or "a later version"
    return NewerLedger(
        f"{path}: has schema version {found.version}, made by fewframes {made_by}; this fewframes ({code_version()}) "
        f"knows up to {NEWEST}. To change the project, use {made_by}; status, report, export, sql and backup show what "
        "this one understands"
    )


def _free(path: Path, version: int) -> Path:
    """Return a name beside the ledger that is not taken: what an earlier upgrade kept stays."""
    name, number = f"{path.stem}-schema-{version}", 1
    while (place := path.with_name(f"{name}{'' if number == 1 else f'-{number}'}{path.suffix}")).exists():
        number += 1
    return place
