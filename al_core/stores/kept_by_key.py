"""Values by key in one file: read whole when it is first asked, written whole; it may be deleted at any time."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from al_core.files import noted_in
from al_core.stores.disk_cache import DiskCache

_MOST_BYTES = 4_000_000_000

V = TypeVar("V")


def json_of(values: Mapping[str, Any]) -> bytes:
    """Return values by key as the content of a file of JSON."""
    return json.dumps(values).encode()


class KeptByKey(Generic[V]):
    """Values that follow from their key, e.g. a hash of all that they are made from.

    Args:
        folder: of the file.
        name: of the file.
        read: returns the values of a file that is there; none of one that is damaged.
        write: returns the content of a file of values.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        read: Callable[[Path], dict[str, V]] = noted_in,
        write: Callable[[Mapping[str, V]], bytes] = json_of,
    ) -> None:
        self._disk, self._name, self._read, self._write = DiskCache(folder, _MOST_BYTES), name, read, write
        self._used: dict[str, V] = {}
        self._fresh = False

    def get(self, key: str) -> V | None:
        """Return the value of a key; None where it is not known."""
        found = self._used[key] if key in self._used else self._there.get(key)
        if found is not None:
            self._used[key] = found
        return found

    def put(self, key: str, value: V) -> None:
        """Note the value of a key, for later processes once :meth:`keep` is called."""
        self._used[key], self._fresh = value, True

    def keep(self, most: int) -> None:
        """Write the file where something was noted: ``most`` values, and at least all that were used."""
        if self._fresh:
            newest = {**self._used, **{key: value for key, value in self._there.items() if key not in self._used}}
            # It only saves time: a disk that is full is told by what has to be written.
            with suppress(OSError):
                self._disk.put(self._name, self._write(dict(islice(newest.items(), max(most, len(self._used))))))
            self._fresh = False

    @cached_property
    def _there(self) -> dict[str, V]:
        path = self._disk.use(self._name)
        return {} if path is None else self._read(path)
