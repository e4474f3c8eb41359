"""A folder of files that may be deleted at any time, shared by several processes and kept below a size."""

import errno
import io
import os
import threading
import time
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_core.files import write_whole

_STALE_SECONDS = 3600.0


class DiskCache:
    """Files by key, least recently used first to go.

    Files appear whole, and two processes that write the same key do no harm. A file may vanish between two looks at
    it: readers must be ready to make it again.

    Args:
        folder: made when it is needed.
        max_bytes: size above which files are dropped; a tenth is freed at a time.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._bytes: int | None = None

    def __reduce__(self) -> tuple[type["DiskCache"], tuple[Path, int]]:
        """Go to another process as the same folder; what is known of its size stays here."""
        return DiskCache, (self.folder, self.max_bytes)

    def path(self, key: str) -> Path:
        """Return where the file of a key lies, if it is there; keys are relative paths."""
        return self.folder / key

    def has(self, key: str) -> bool:
        """Tell whether the file is there now."""
        return self.path(key).is_file()

    def use(self, key: str) -> Path | None:
        """Return the file's path and mark it as used just now; None when it is not there."""
        path = self.path(key)
        try:
            os.utime(path)
        except FileNotFoundError:
            return None
        except OSError:
            # A cache that somebody else owns can still be read.
            return path if path.is_file() else None
        return path

    def put(self, key: str, data: bytes) -> None:
        """Write a file whole, then drop the least recently used ones while the folder is too big.

        A folder that may only be read stays as it is: what it lacks is made again each time.
        """
        path = self.path(key)
        try:
            write_whole(path, data)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                return
            raise
        with self._lock:
            self._bytes = self._bytes + len(data) if self._bytes is not None else self._drop()
            if self._bytes > self.max_bytes:
                self._bytes = self._drop(keep=path)

    def put_arrays(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write arrays by name into one file (see :meth:`put`)."""
        file, named = io.BytesIO(), dict[str, Any](arrays)
        np.savez(file, **named)
        self.put(key, file.getvalue())

    def arrays(self, key: str, names: Iterable[str]) -> list[NDArray[Any]] | None:
        """Read arrays of a file; None where it is not there, was dropped meanwhile, or is damaged."""
        path = self.use(key)
        if path is None:
            return None
        try:
            with np.load(path) as file:
                return [file[name] for name in names]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def _drop(self, keep: Path | None = None) -> int:
        """Drop old files if need be, and count the bytes that are left, since others write here too."""
        now = time.time()
        files = []
        for path in self.folder.rglob("*"):
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            if not path.is_file():
                continue
            if path.name.startswith("."):  # written now, or left by a process that was killed
                if now - stat.st_mtime > _STALE_SECONDS:
                    path.unlink(missing_ok=True)
                continue
            files.append((stat.st_mtime_ns, stat.st_size, path))
        total = sum(size for _, size, _ in files)
        if total <= self.max_bytes:
            return total
        for _, size, path in sorted(files):
            if total <= self.max_bytes * 0.9:
                break
            if path != keep:
                path.unlink(missing_ok=True)
                total -= size
        return total
