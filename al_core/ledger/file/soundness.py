"""Whether the ledger file is whole and this project's own, found out before anything is written to it.

What DuckDB itself finds is not enough: it makes an empty database where there is none, opens one that is cut short as
long as nobody asks for what is missing, and any other project's. So a small file beside the ledger says which ledger
belongs here, and the blocks that the tables lie in are held against the size of the file.
"""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

import duckdb

from al_core.errors import FewframesError, LedgerCorrupt, NoSpace, ReadOnly

_MEND = (
    "Nothing was changed. Put the right file back, or make the project anew from a backup: "
    "fewframes restore BACKUP FOLDER"
)
_BLOCKS_FROM = 3 * 4096
"""Where DuckDB's first block begins: after three headers."""
_ROOM_BYTES = 2**20
_FORBIDDEN = ("Permission denied", "Read-only file system", "Operation not permitted")
_FULL = ("No space left on device", "Disk quota exceeded", "File too large")


def identity_path(path: Path) -> Path:
    """Return the file that says which ledger belongs in a place."""
    return path.with_name(f".{path.name}.id")


def check_place(path: Path) -> None:
    """Check, before a ledger is opened, that one which was there is not about to be replaced by a new one.

    Raises:
        LedgerCorrupt: the file is gone, or empty.
    """
    if not identity_path(path).is_file():
        return
    if not path.is_file():
        raise LedgerCorrupt(f"{path}: the ledger of this project is gone. {_MEND}")
    if path.stat().st_size == 0:
        raise LedgerCorrupt(f"{path}: the ledger of this project was there, now the file is empty. {_MEND}")


def has_room(path: Path) -> bool:
    """Tell whether the disk has room for what a ledger writes; with less, it cannot even be opened."""
    return not path.parent.is_dir() or shutil.disk_usage(path.parent).free >= _ROOM_BYTES


def is_read_only(path: Path) -> bool:
    """Tell whether a ledger is there that cannot be written, since its file or its folder cannot."""
    return path.is_file() and not (_may(path, os.W_OK) and _may(path.parent, os.W_OK))


def check_writable(path: Path) -> None:
    """Check, before something is written, that it can be.

    Raises:
        ReadOnly: it cannot.
    """
    if is_read_only(path):
        raise ReadOnly.at(path.parent)


def check_room(path: Path) -> None:
    """Check the room before something is written: DuckDB may end the process when its log cannot grow in a commit.

    Raises:
        NoSpace: the disk is all but full.
    """
    if not has_room(path):
        raise NoSpace.at(path.parent)


def check_identity(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Check, after a ledger is opened and before anything is written, that it is the one that belongs here.

    Raises:
        LedgerCorrupt: it is another one.
    """
    known = _known_identity(path)
    if known is None:
        return
    found = _identity(connection)
    if found != known:
        what = f"a ledger begun at {found} UTC" if found else "a database that is no ledger"
        raise LedgerCorrupt(
            f"{path}: is {what}, this project's was begun at {known} UTC: it was replaced. {_MEND} "
            f"(If it is meant to be this one, delete {identity_path(path)}.)"
        )


def note_identity(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Note which ledger belongs here, unless that is noted already."""
    place, found = identity_path(path), _identity(connection)
    if place.exists() or found is None:
        return
    part = place.with_name(f"{place.name}.{os.getpid()}")
    # On a full disk it is written another time.
    with suppress(OSError):
        part.write_text(found + "\n", encoding="ascii")
        part.replace(place)


def check_whole(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Check that all blocks of tables lie within the file; DuckDB checks their content when it reads them.

    Raises:
        LedgerCorrupt: the file was cut short.
    """
    ((block_size, n_blocks),) = connection.execute(
        "SELECT block_size, total_blocks FROM pragma_database_size() WHERE database_name = current_database()"
    ).fetchall()
    size = path.stat().st_size
    # Where the file holds every block that it ever had, no table needs to be asked for its own.
    if size >= _BLOCKS_FROM + n_blocks * block_size:
        return
    tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary").fetchall()
    # One statement for all: one for each table takes three times as long, at every first look.
    blocks = [
        f"SELECT block_id, additional_block_ids FROM pragma_storage_info({_quoted(table)})" for (table,) in tables
    ]
    last = -1
    if blocks:
        query = "SELECT coalesce(greatest(max(block_id), max(list_max(additional_block_ids))), -1) FROM "
        ((last,),) = connection.execute(f"{query} ({' UNION ALL '.join(blocks)})").fetchall()
    needed = _BLOCKS_FROM + (last + 1) * block_size
    if size < needed:
        raise LedgerCorrupt(f"{path}: was cut short: {size:,} bytes are there, {needed:,} are needed. {_MEND}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def mend_log(path: Path, error: duckdb.Error) -> bool:
    """Drop zeros at the end of the write-ahead log, with the entry that they begin in.

    A power cut may leave them where a write was announced and did not reach the disk; everything that was acknowledged
    is in front of them. Other damage stays: there may be acknowledged entries behind it. Returns whether opening the
    ledger can be tried again.
    """
    found = re.search(r"Corrupt WAL file: entry at byte position (\d+)", str(error))
    log = path.with_name(f"{path.name}.wal")
    if found is None or not log.is_file():
        return False
    begin = int(found[1]) - _ENTRY_HEAD
    with log.open("rb+") as file:
        file.seek(begin)
        rest = file.read()
        entry = _ENTRY_HEAD + int.from_bytes(rest[:8], "little")
        written = len(rest.rstrip(b"\0"))
        if written >= entry or len(rest) - written < _SURELY_UNWRITTEN:
            return False
        file.truncate(begin)
        os.fsync(file.fileno())
    return True


_ENTRY_HEAD = 16
"""Bytes of size and checksum before an entry's content, both as little-endian uint64."""
_SURELY_UNWRITTEN = 8
"""The last entry of a commit does not end in so many zeros."""


def explained(error: duckdb.Error, path: Path) -> FewframesError | None:
    """Translate an error of the database that is about its file, a full disk or damage; None for any other."""
    text = str(error)
    if any(words in text for words in _FULL):
        named = re.search(r'file "([^"]+)"', text)
        folder = Path(named[1]).parent if named else path.parent
        return NoSpace.at(folder if folder.is_dir() else path.parent)
    if isinstance(error, duckdb.IOException) and any(words in text for words in _FORBIDDEN):
        if _may(path, os.R_OK):
            return ReadOnly.at(path.parent)
        return FewframesError(f"{path}: this user may not read it ({text.splitlines()[0]}); get the right to read it")
    if isinstance(error, duckdb.FatalException):
        return LedgerCorrupt(f"{path}: the database gave up ({text.splitlines()[0]}); give the same command again")
    if (
        isinstance(error, duckdb.SerializationException | duckdb.InternalException)
        or "Corrupt WAL" in text
        or "Failure while replaying WAL" in text
        or (isinstance(error, duckdb.IOException) and (str(path) in text or "Corrupt" in text))
    ):
        return LedgerCorrupt(f"{path}: cannot be read as a ledger ({text.splitlines()[0]}). {_MEND}")
    return None


def _may(path: Path, what: int) -> bool:
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)


def _known_identity(path: Path) -> str | None:
    try:
        return identity_path(path).read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None


def _identity(connection: duckdb.DuckDBPyConnection) -> str | None:
    """Return when the ledger was made, to the microsecond: no two projects share it, all copies of one do."""
    try:
        rows = connection.execute("SELECT applied_at FROM schema_version WHERE version = 1").fetchall()
    except duckdb.CatalogException:
        return None
    return rows[0][0].isoformat(timespec="microseconds") if rows else None
