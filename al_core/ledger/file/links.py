"""A ledger with a file of its own: one that is shared by links would be changed for all folders that have it.

Copies by hard links (``cp -al``, snapshots that save room) share their files with the original until one is replaced,
and a ledger is never replaced.
"""

import fcntl
import logging
import shutil
from pathlib import Path

from al_core.errors import FewframesError
from al_core.files import replaced

_log = logging.getLogger(__name__)


def separate(path: Path) -> None:
    """Give a ledger, before it is opened for writing, a file of its own where it shares one by hard links.

    A file that a process has open is left alone: the database refuses it.

    Raises:
        FewframesError: it is a symbolic link to another folder's ledger.
    """
    if path.is_symlink():
        raise FewframesError(
            f"{path}: is a link to {path.resolve()}, whose log lies there: work in that folder, or put the file "
            "itself or a copy of it here"
        )
    if not _is_shared(path):
        return
    with path.open("rb+") as file:
        try:
            # What DuckDB takes too.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return
        for each in (path.with_name(f"{path.name}.wal"), path):
            if _is_shared(each):
                with replaced(each) as own:
                    shutil.copy2(each, own)
    _log.warning("%s was shared with another folder by a hard link; it is a file of its own now", path)


def _is_shared(path: Path) -> bool:
    try:
        return path.stat().st_nlink > 1
    except OSError:
        return False
