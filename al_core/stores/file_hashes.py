"""Hashes of files that are not read again while the file system says that nobody wrote to them, as git's index does.

What the file system says is the number of the file, its size, and when its content and its entry last changed. A disk
that loses bits by itself changes none of these: where that is suspected, the content itself has to be read
(:func:`al_core.fingerprint.fingerprint_file`).
"""

import time
from pathlib import Path
from typing import Any

from al_core.fingerprint import fingerprint_file
from al_core.stores.kept_by_key import KeptByKey

FILE = "hashes.json"

SETTLED_NS = 3_000_000_000
"""A file that changed less than so many nanoseconds ago may change once more within what the file system's clock tells
apart: it is read again next time."""

MOST_KEPT = 200_000
"""Files whose hashes are kept, at least all that were asked for."""


class FileHashes:
    """Hashes of any files, kept in a folder that may be deleted at any time."""

    def __init__(self, folder: Path) -> None:
        self._kept: KeptByKey[list[Any]] = KeptByKey(folder, FILE)

    def of(self, path: Path) -> str:
        """Return the SHA-256 (64 hex digits) of a file's content; read only where it was not read as it is now.

        Raises:
            OSError: the file is not there or cannot be read.
        """
        name, state = str(path.absolute()), path.stat()
        seen = [state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns]
        known = self._kept.get(name)
        if known is not None and known[:-1] == seen:
            return str(known[-1])
        found = fingerprint_file(path)
        if time.time_ns() - max(state.st_mtime_ns, state.st_ctime_ns) > SETTLED_NS:
            self._kept.put(name, [*seen, found])
        return found

    def keep(self) -> None:
        """Keep what was read, for later processes."""
        self._kept.keep(MOST_KEPT)
