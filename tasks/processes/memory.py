"""Memory that runs out: the system ends a process without a word, so what tells is noted before.

Whoever takes up the work of a process that was ended finds its note, and holds against it how many processes the system
has ended for want of memory since. Where the memory of a process is limited (``ulimit -v``), libraries may crash
instead: then the note of the crash tells.
"""

import faulthandler
import gc
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from al_core.errors import OutOfMemory
from al_core.files import json_bytes, write_whole

_COUNTED = "oom_kill"
_CRASHES = (-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT)


def memory_kills(root: Path = Path("/")) -> int | None:
    """Return how many processes the system has ended for want of memory: in this container, or else on this machine.

    Args:
        root: where ``proc`` and ``sys`` lie.

    Returns:
        A number that only grows until the machine starts anew; None where the system does not tell.
    """
    groups = root / "sys/fs/cgroup"
    own = next((line[3:].strip().lstrip("/") for line in _lines(root / "proc/self/cgroup") if line[:3] == "0::"), "")
    for place in (groups / own / "memory.events", groups / "memory.events", root / "proc/vmstat"):
        for line in _lines(place):
            name, _, value = line.partition(" ")
            if name == _COUNTED:
                return int(value)
    return None


def killed_for_memory(code: int, before: int | None) -> bool:
    """Tell whether the system ended a process since memory ran out, or it crashed where its memory is limited.

    Args:
        code: that it ended with, as Python tells it: negative for a signal.
        before: what :func:`memory_kills` was when it began.
    """
    if code in _CRASHES:
        return is_limited()
    now = memory_kills()
    return code == -signal.SIGKILL and before is not None and now is not None and now > before


def is_limited() -> bool:
    """Tell whether this process, and those that it starts, may use only a part of the machine's memory."""
    try:
        import resource
    except ImportError:
        return False
    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


@contextmanager
def noted(note: Path) -> Iterator[OutOfMemory | None]:
    """Keep a note while the block works, by which whoever comes after a kill recognises what happened.

    Yields:
        The error that a predecessor could not tell, where the system ended it for want of memory; otherwise None.
    """
    killed = _told_by(note)
    known = {"process": os.getpid(), "boot": _boot(), "kills": memory_kills(), "limited": is_limited()}
    write_whole(note, json_bytes(known))
    try:
        with _crash_noted(_crash(note)):
            yield killed
    finally:
        for file in (note, _crash(note)):
            with suppress(OSError):
                file.unlink(missing_ok=True)


def release() -> None:
    """Give memory back that an attempt which failed has left behind."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _crash(note: Path) -> Path:
    return note.with_name(f"{note.name}.crash")


@contextmanager
def _crash_noted(file: Path) -> Iterator[None]:
    """Let Python write into a file where a library crashes, unless somebody else has asked for that."""
    if faulthandler.is_enabled():
        yield
        return
    with file.open("w") as output:
        faulthandler.enable(output, all_threads=False)
        try:
            yield
        finally:
            faulthandler.disable()


def _told_by(note: Path) -> OutOfMemory | None:
    try:
        told = json.loads(note.read_text(encoding="utf-8"))
        process, before, same_boot = int(told["process"]), told["kills"], told["boot"] == _boot()
        crash = next(iter(_lines(_crash(note))), "") if told.get("limited") else ""
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if crash:
        return OutOfMemory(f"process {process} crashed where its memory is limited ({crash})")
    now = memory_kills()
    if not same_boot or before is None or now is None or now <= before:
        return None
    return OutOfMemory(f"process {process} was ended by the system when memory ran out")


def _boot() -> str:
    """Return what is different each time the machine starts."""
    return "".join(_lines(Path("/proc/sys/kernel/random/boot_id"))).strip()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
