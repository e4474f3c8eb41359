"""A ledger file that is moved, replaced or deleted while a process has it open, as when a backup is put in its place.

DuckDB knows its log by name alone: it would delete the one that lies there by then, with what another process has
acknowledged in it.
"""

import logging
import os
from contextlib import suppress
from pathlib import Path

import duckdb

from al_core.errors import LedgerCorrupt
from al_core.files import replaced
from al_core.ledger.file.upgrade import copy_whole

_log = logging.getLogger(__name__)


def check_in_place(path: Path, inode: int) -> None:
    """Check, before a process that keeps the file open writes to it, that the file still has its name.

    Raises:
        LedgerCorrupt: it was moved, replaced or taken away meanwhile.
    """
    if _is(path, inode):
        return
    end = f"end process {os.getpid()}, which has it open (kill {os.getpid()}, never kill -9)"
    there = _whereabouts(inode)
    if there is not None:
        raise LedgerCorrupt(
            f"{path}: was moved to {there} while it was open, so nothing more is stored. All that was stored is there: "
            f"{end}, and begin it anew on the right folder"
        )
    raise LedgerCorrupt(
        f"{path}: was replaced or taken away while it was open, so nothing more is stored. To keep what was stored, "
        f"{end}: it then writes all of it into {_rescue(path)}"
    )


def let_go(connection: duckdb.DuckDBPyConnection, path: Path, inode: int) -> None:
    """Prepare the end of the last connection to a file that may have lost its name.

    Content that has no name any more is written into a file of its own, and the log is left alone unless it is ours.
    """
    if _is(path, inode):
        return
    if _whereabouts(inode) is None:
        with replaced(_rescue(path)) as new:
            copy_whole(connection, new)
        _log.warning("%s: was replaced or taken away; all that was stored is in %s", path, _rescue(path))
    if path.with_name(f"{path.name}.wal") not in _open_files().values():
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")


def _is(path: Path, inode: int) -> bool:
    try:
        return path.stat().st_ino == inode
    except OSError:
        return False


def _rescue(path: Path) -> Path:
    """Return where content is kept that has no name any more: beside its old place, or where that folder was."""
    folder = next(parent for parent in path.parents if parent.is_dir())
    return folder / f"{path.parent.name}-{path.stem}-of-{os.getpid()}{path.suffix}"


def _whereabouts(inode: int) -> Path | None:
    """Return where an open file lies now; None where it has no name any more, or the system does not tell."""
    return _open_files().get(inode)


def _open_files() -> dict[int, Path]:
    """Return the files that this process has open and that have a name, by inode. Only Linux tells."""
    found = {}
    with suppress(OSError):
        for link in os.scandir("/proc/self/fd"):
            with suppress(OSError):
                path, inode = Path(os.readlink(link.path)), os.stat(link.path).st_ino
                if _is(path, inode):
                    found[inode] = path
    return found
