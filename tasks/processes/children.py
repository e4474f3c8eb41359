"""Child processes that do not outlive their owner, however it ends, and work that only one process does at a time."""

import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from al_core.errors import LedgerConflict
from tasks.processes.heartbeat import beating


def die_with_owner() -> None:
    """Called in a child: the operating system kills it when its parent dies. Only Linux can do this."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


_ASK_TO_DIE_WITH = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


def begun(command: Sequence[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    """A child that writes to a file and dies with its owner.

    It has its own session: ctrl-C in the terminal is for the owner, which then ends the child. The operating system
    ends it with the thread that began it.

    Raises:
        FileNotFoundError: there is no such program.
    """
    program = shutil.which(command[0])
    if program is None:
        raise FileNotFoundError(f"there is no program {command[0]}")
    return subprocess.Popen(
        [*_dying_with(os.getpid()), program, *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def _dying_with(owner: int) -> list[str]:
    """What turns itself into the program that follows, once the operating system knows whom it dies with.

    Python can ask for that between fork and exec, too; but a fork of a process with threads may never get to its exec
    there, when another thread held a lock.
    """
    if sys.platform != "linux":
        return []
    return [sys.executable, "-I", "-S", "-c", _ASK_TO_DIE_WITH, str(owner)]


def end(child: subprocess.Popen[bytes], patience: float = 10.0) -> None:
    """End a child: politely first, then, after so many seconds, by force."""
    child.terminate()
    try:
        child.wait(patience)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def use_threads(n: int) -> None:
    """Let this process's numerical libraries use ``n`` threads, so that processes side by side do not fight."""
    import cv2
    import torch

    torch.set_num_threads(n)
    cv2.setNumThreads(n)


@contextmanager
def only_run(root: Path) -> Iterator[None]:
    """Be the one process that takes a project's rounds on; the operating system lets go when it ends, however it ends.

    Raises:
        LedgerConflict: another process does.
    """
    with (root / "run.lock").open("a+") as file:
        if not _lock_soon(file):
            file.seek(0)
            who = file.read().strip() or "unknown"
            raise LedgerConflict(
                f"process {who} runs the rounds of {root} already. Wait until it is done, or end it; "
                "when serve has started it, it writes to run.log in the project."
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        with beating(root / "run.lock"):
            yield


def is_run(root: Path) -> bool:
    """Whether a process takes a project's rounds on."""
    with (root / "run.lock").open("a+") as file:
        return not _lock(file)


def _lock_soon(file: IO[str], patience: float = 0.5) -> bool:
    """Whoever only looks whether somebody has the lock has it for a moment."""
    until = time.monotonic() + patience
    while not _lock(file):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
