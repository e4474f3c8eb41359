"""Hashes of files that are not read again while the file system says that nobody wrote to them, as git's index does.

What the file system says is the number of the file, its size, and when its content and its entry last changed. A disk
that loses bits by itself changes none of these: where that is suspected, the content itself has to be read
(:func:`al_core.fingerprint.fingerprint_file`).
"""

import json
import time
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from al_core.fingerprint import fingerprint_file
from al_core.stores.disk_cache import DiskCache

FILE = "hashes.json"

SETTLED_NS = 3_000_000_000
"""A file that changed less than so many nanoseconds ago may change once more within what the file system's clock tells
apart: it is read again next time."""

MOST_KEPT = 200_000
"""Files whose hashes are kept, at least all that were asked for."""

_MOST_BYTES = 1_000_000_000


class FileHashes:
    """Hashes of any files, kept in a folder that may be deleted at any time."""

    def __init__(self, folder: Path) -> None:
        self._disk = DiskCache(folder, _MOST_BYTES)
        self._asked: dict[str, list[Any]] = {}
        self._fresh = False

    def of(self, path: Path) -> str:
        """Return the SHA-256 (64 hex digits) of a file's content; read only where it was not read as it is now.

        Raises:
            OSError: the file is not there or cannot be read.
        """
        name, state = str(path.absolute()), path.stat()
        seen = [state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns]
        known = self._asked.get(name) or self._kept.get(name)
        if known is not None and known[:-1] == seen:
            self._asked[name] = known
            return str(known[-1])
        found = fingerprint_file(path)
        if time.time_ns() - max(state.st_mtime_ns, state.st_ctime_ns) > SETTLED_NS:
            self._asked[name], self._fresh = [*seen, found], True
        return found

    def keep(self) -> None:
        """Keep what was read, for later processes."""
        if self._fresh:
            newest = {**self._asked, **{name: row for name, row in self._kept.items() if name not in self._asked}}
            kept = dict(islice(newest.items(), max(MOST_KEPT, len(self._asked))))
            self._disk.put(FILE, json.dumps(kept).encode())
            self._fresh = False

    @cached_property
    def _kept(self) -> dict[str, list[Any]]:
        path = self._disk.use(FILE)
        try:
            found = {} if path is None else json.loads(path.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
