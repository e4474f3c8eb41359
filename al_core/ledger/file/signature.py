"""The signature of a note beside the ledger: which process wrote it, and about which file.

Notes travel when a project is copied, moved or restored; then they speak of another file, and must not be followed.
"""

import os
import platform
import socket
import uuid
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Signature:
    """Who wrote a note, and about which file or folder.

    Attributes:
        pid: number of the process, where ``numbers`` counts.
        host: name of its machine or container, for people.
        kernel: the system that it ran on, since that started; devices and inodes mean nothing elsewhere.
        numbers: the namespace in which ``pid`` is its number; empty where a system has only one.
        device, inode: of the file; no copy has the same.
        path: of the file, without links.
    """

    pid: int
    host: str
    kernel: str
    numbers: str
    device: int
    inode: int
    path: str

    @classmethod
    def of(cls, file: Path) -> Self:
        """Return this process's signature of a note about a file or folder.

        Raises:
            OSError: it is not there.
        """
        status = file.stat()
        place = str(file.resolve())
        return cls(os.getpid(), socket.gethostname(), _kernel(), _numbers(), status.st_dev, status.st_ino, place)

    def is_about(self, file: Path) -> bool:
        """Tell whether the note is about this very file: no copy, and not moved since."""
        try:
            now = Signature.of(file)
        except OSError:
            return False
        return self.kernel == now.kernel and self._named == now._named

    def is_nearby(self) -> bool:
        """Tell whether ``pid`` is a number of our own: the process is on this machine, and in no other container."""
        return (self.kernel, self.numbers) == (_kernel(), _numbers())

    def runs(self) -> bool:
        """Tell whether the process may live: a nearby one is looked up, of others nothing is known."""
        return not self.is_nearby() or runs(self.pid)

    @property
    def who(self) -> str:
        """Name the process, with its host where that is another machine or container."""
        return f"process {self.pid}" if self.is_nearby() else f"process {self.pid} of host {self.host}"

    @property
    def _named(self) -> tuple[int, int, str]:
        return self.device, self.inode, self.path


def runs(pid: int) -> bool:
    """Tell whether there is a process of this number; it may be another one than it was."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@cache
def _kernel() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{platform.system()} {uuid.getnode():x}"


def _numbers() -> str:
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""
