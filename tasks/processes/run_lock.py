"""Locks that tell which process does what only one may do, such as running a project's rounds.

The process holds the lock as long as it lives, and the operating system releases it then, however it ends. The file
holds the signature of the process and is touched by its heartbeat. A look takes no lock and changes nothing.
"""

import fcntl
import json
import os
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from al_core.errors import RunLocked
from al_core.ledger.file.owner import read_owner
from al_core.ledger.file.signature import Signature
from al_core.project import Project
from tasks.processes.children import behind
from tasks.processes.heartbeat import Heartbeat


@contextmanager
def only_run(root: Path) -> Iterator[None]:
    """Be the one process that runs a project's rounds, and give way to the one that serves it here.

    Raises:
        RunLocked: another process does.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(held(run_lock(root)))
        except BlockingIOError:
            raise RunLocked(
                f"{_who(run_lock(root))} already runs the rounds of {root}. Wait until it is "
                "done, or end it; when serve has started it, it writes to run.log in the project."
            ) from None
        owner = read_owner(Project.at(root).ledger_path)
        if owner is not None and owner.pid != os.getpid() and owner.by.is_nearby() and owner.by.runs():
            stack.enter_context(behind(owner.pid))
        yield


def is_run(root: Path) -> bool:
    """Tell whether a process runs a project's rounds."""
    return bool(is_held(run_lock(root)))


def run_lock(root: Path) -> Path:
    """Return the file that the process which runs a project's rounds holds and touches."""
    return root / "run.lock"


@contextmanager
def held(path: Path, wait: bool = False) -> Iterator[None]:
    """Hold a lock until the block ends, with a heartbeat.

    Raises:
        BlockingIOError: another process, or another block of this one, holds it, and we do not ``wait`` for it.
    """
    with path.open("a+") as file:
        _lock(file.fileno(), wait)
        file.truncate(0)
        file.write(json.dumps(asdict(Signature.of(path))))
        file.flush()
        with Heartbeat(path):
            yield


def is_held(path: Path) -> bool | None:
    """Tell whether somebody holds a lock; None where there is no such file."""
    try:
        with path.open("rb") as file:
            return _is_locked(file.fileno())
    except FileNotFoundError:
        return None


def holder(path: Path) -> int:
    """Return the number of the process that holds a lock, or held it last; 0 where it is no number of ours.

    So it is in another container, and in a file that came along with a copy of its folder.
    """
    signed = _signed(path)
    return signed.pid if signed is not None and signed.is_nearby() and signed.is_about(path) else 0


def _signed(path: Path) -> Signature | None:
    try:
        return Signature(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _who(path: Path) -> str:
    signed = _signed(path)
    return "another process" if signed is None else signed.who


if sys.platform == "linux":
    _LOCK = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    """struct flock: type, whence, start, length, process (0 for a lock of an open file)."""

    def _lock(file: int, wait: bool) -> None:
        fcntl.fcntl(file, fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK, _LOCK)

    def _is_locked(file: int) -> bool:
        found: int = struct.unpack_from("h", fcntl.fcntl(file, fcntl.F_OFD_GETLK, _LOCK))[0]
        return found != fcntl.F_UNLCK

else:

    def _lock(file: int, wait: bool) -> None:
        # A look shares the lock for a moment here, so one try is not enough.
        until = time.monotonic() + 0.5
        while not wait and time.monotonic() < until and _is_locked(file):
            time.sleep(0.02)
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

    def _is_locked(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
