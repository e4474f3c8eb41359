"""Files on their way between the process that owns a project and whoever does its heavy work.

Where that is the same process, a file stays where it is. Otherwise it goes through a folder that every machine sees
under the same path: its name is its content's hash, it appears whole or not at all, and who takes it checks the hash.
"""

import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from al_core.errors import DamagedFile
from al_core.files import replaced
from al_core.fingerprint import fingerprint_file

T = TypeVar("T")

_PATIENCE = 20.0
"""Seconds until a file that another machine wrote is seen here: network file systems remember what was not there."""


@dataclass(frozen=True, slots=True)
class HandedFile:
    """A file that was handed over: its place, as the one who handed it over knows it."""

    place: str


class Files(Protocol):
    """How files change hands."""

    def give(self, path: Path) -> HandedFile:
        """Hand a file over."""

    def open(self, file: HandedFile) -> Path:
        """Return where a file that was handed over may be read here."""

    def made(self, target: Path, write: Callable[[Path], T]) -> tuple[HandedFile, T]:
        """Let ``write`` make a file, and hand it over; ``target`` is where its owner will keep it."""

    def working(self, target: Path) -> Path:
        """Return the folder of work that goes on where a worker died: every worker finds it, its owner removes it."""

    def take(self, file: HandedFile, target: Path) -> None:
        """Bring a file to the place where its owner keeps it, whole or not at all."""


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """Files that stay where they are: whoever works is the owner."""

    def give(self, path: Path) -> HandedFile:
        """Name the file."""
        return HandedFile(str(path))

    def open(self, file: HandedFile) -> Path:
        """Return the file."""
        return Path(file.place)

    def made(self, target: Path, write: Callable[[Path], T]) -> tuple[HandedFile, T]:
        """Write it where its owner will keep it."""
        result = write(target)
        return HandedFile(str(target)), result

    def working(self, target: Path) -> Path:
        """Return the folder of the file itself."""
        return target.parent

    def take(self, file: HandedFile, target: Path) -> None:
        """Leave it where it was written."""
        if Path(file.place) != target:
            raise ValueError(f"{file.place} was written, not {target}")


@dataclass(frozen=True, slots=True)
class SharedFolder:
    """Files by their content, in a folder that every machine sees under the same path.

    Attributes:
        root: the folder, absolute; its owner makes it, so that a worker which comes late makes nothing.
    """

    root: Path

    def give(self, path: Path) -> HandedFile:
        """Copy a file into the folder, under the hash of its content; one that is there already is left."""
        name = fingerprint_file(path) + path.suffix
        kept = self.root / name
        if not kept.is_file():
            self._check()
            with replaced(kept) as unfinished:
                shutil.copyfile(path, unfinished)
        return HandedFile(name)

    def open(self, file: HandedFile) -> Path:
        """Return a file of the folder, whose content is what was handed over.

        Raises:
            DamagedFile: it is not there, or holds something else.
        """
        kept = self.root / file.place
        until = time.monotonic() + _PATIENCE
        while not kept.is_file():
            if time.monotonic() > until or not self.root.is_dir():
                self._check()
                raise DamagedFile(f"{socket.gethostname()} does not find {kept}, which was handed over; {_SAME}")
            time.sleep(0.1)
        if fingerprint_file(kept) != kept.stem:
            raise DamagedFile(f"{kept} holds something else than was handed over; give the same command again")
        return kept

    def made(self, target: Path, write: Callable[[Path], T]) -> tuple[HandedFile, T]:
        """Write a file in a folder of this machine's own first."""
        with tempfile.TemporaryDirectory(prefix="fewframes-") as own:
            path = Path(own) / target.name
            result = write(path)
            return self.give(path), result

    def working(self, target: Path) -> Path:
        """Return a folder in the shared one, by the name of the file."""
        self._check()
        return self.root / f"{target.stem}.working"

    def take(self, file: HandedFile, target: Path) -> None:
        """Copy a file out of the folder, and check the copy.

        Raises:
            DamagedFile: it is not there, or another content arrived.
        """
        kept = self.open(file)
        with replaced(target) as unfinished:
            shutil.copyfile(kept, unfinished)
            if fingerprint_file(unfinished) != kept.stem:
                raise DamagedFile(f"{kept} did not arrive whole at {target}; give the same command again")

    def _check(self) -> None:
        if not self.root.is_dir():
            raise DamagedFile(f"{socket.gethostname()} does not see the shared folder {self.root}; {_SAME}")


_SAME = "mount the same folder at the same path on every machine (compute.shared)"
