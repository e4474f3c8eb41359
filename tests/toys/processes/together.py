"""What all processes of one run of the tests share, so that no worker makes it again."""

import atexit
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import psutil

VARIABLE = "TESTS_TOGETHER"


@cache
def together() -> Path:
    """Return the folder of this run; who asks first, before it starts others, makes it and takes it away at its end."""
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = mkdtemp(prefix="fewframes-tests-")
        Path(os.environ[VARIABLE], "owner").write_text(str(os.getpid()))
        atexit.register(_remove, os.environ[VARIABLE], os.getpid())
    return Path(os.environ[VARIABLE])


def _remove(folder: str, owner: int) -> None:
    # A fork comes here too.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def one_at_a_time(name: str) -> Iterator[Path]:
    """Let one process at a time be in the block of a name; yields the path of what it may find there or make."""
    with (together() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield together() / name


def wait_for_the_end() -> None:
    """Return when the run of the tests is over."""
    owner = int((together() / "owner").read_text())
    while psutil.pid_exists(owner):
        time.sleep(1)
