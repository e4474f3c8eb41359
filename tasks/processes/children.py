"""Child processes that do not outlive their owner, however it ends."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

NICENESS = 10
"""Of what works for long: who labels meanwhile comes first. Where nobody does, it has the processors all the same."""

_SESSION = Path("/proc/self/autogroup")


class Stopped(KeyboardInterrupt):
    """What Ctrl-C or SIGTERM raises in the main thread.

    Python gives a process that began with ``-m`` the exit code of SIGINT, whatever it ends with itself, when a plain
    KeyboardInterrupt ever left a string that ``exec`` ran, as dataclasses are made while libraries are imported.
    """


def die_with_owner() -> None:
    """Let the operating system kill this process, a child, when its parent dies. Only Linux can do this."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


# Python can ask for it between fork and exec, too; but a fork of a process with threads may never get to its exec
# there, when another thread held a lock. So a command asks, and replaces itself by the program that follows.
_ASK_TO_DIE_WITH = """\
import contextlib, ctypes, os, sys, time
ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
owner, niceness = sys.argv[1], int(sys.argv[2])
os.nice(niceness)
# Where the kernel shares processors out among sessions, a niceness counts within a session only. The child's session
# gives way as its owner's does, and further where that is asked: one that took over the owner's own niceness would get
# nearly nothing on a busy machine where the owner still works. The file is empty where the owner is in no session's
# share but in the system's own, which gives way to nobody.
with contextlib.suppress(OSError):
    with open(f"/proc/{owner}/autogroup") as file:
        of_owner = int(([0] + file.read().split())[-1])
    for _ in range(20):  # Linux lets only one process in a tenth of a second change this.
        with contextlib.suppress(BlockingIOError), open("/proc/self/autogroup", "w") as file:
            file.write(str(min(of_owner + niceness, 19)))
            file.flush()
            break
        time.sleep(0.1)
if os.getppid() == int(owner):
    os.execv(sys.argv[3], sys.argv[3:])
"""


@contextmanager
def behind(process: int) -> Iterator[None]:
    """Give way to another process where processors are short, as do children that are started in the block.

    Where the kernel shares processors out among sessions, so does the session of this process, until the block ends,
    unless the other one is in it too. This process itself keeps its niceness. On Linux only.
    """
    if sys.platform != "linux":
        yield
        return
    os.nice(max(NICENESS - os.nice(0), 0))
    before = _session_niceness()
    lowered = before < NICENESS and _is_of_another_session(process)
    if lowered:
        _let_session_be(NICENESS)
    try:
        yield
    finally:
        if lowered:
            _let_session_be(before)


def _is_of_another_session(process: int) -> bool:
    try:
        return os.getsid(process) != os.getsid(0)
    except OSError:  # It has ended meanwhile.
        return False


def _session_niceness() -> int:
    """Return that of this process's session; where there is none, one that cannot be lowered."""
    try:
        return int(_SESSION.read_text().split()[-1])
    except (OSError, ValueError, IndexError):
        return 19


def _let_session_be(niceness: int) -> None:
    for _ in range(20):  # Linux lets only one process in a tenth of a second change this, unless it is root's.
        try:
            _SESSION.write_text(str(niceness))
        except BlockingIOError:
            time.sleep(0.1)
        except OSError:
            return
        else:
            return


def start_child(
    command: Sequence[str], output: IO[bytes], niceness: int = 0, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a child that writes to a file and dies with its owner.

    It has its own session: Ctrl-C in the terminal is for the owner, which then ends the child. The operating system
    ends it with the thread that started it.

    Args:
        niceness: how far it gives way to other processes where processors are short, 0 to 19; on Linux only.
        environment: its own; None for that of this process.

    Raises:
        FileNotFoundError: there is no such program.
    """
    program = shutil.which(command[0])
    if program is None:
        raise FileNotFoundError(f"there is no program {command[0]}")
    whole = [program, *command[1:]]
    if sys.platform == "linux":
        whole = [sys.executable, "-I", "-S", "-c", _ASK_TO_DIE_WITH, str(os.getpid()), str(niceness), *whole]
    return subprocess.Popen(
        whole, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
    )


def end(child: subprocess.Popen[bytes], patience: float = 10.0) -> None:
    """End a child: by SIGTERM first, then, after ``patience`` seconds, by SIGKILL."""
    child.terminate()
    try:
        child.wait(patience)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def cpu_seconds(pid: int) -> float:
    """Return the seconds of processors that a process took so far; 0.0 where nobody can tell, as outside of Linux."""
    try:
        # The name of the program stands in brackets, and may hold some itself.
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def kill(pid: int) -> None:
    """Kill a process that no longer listens; 0 stands for none."""
    with suppress(ProcessLookupError):
        if pid > 0:
            os.kill(pid, signal.SIGKILL)


def use_threads(n: int) -> None:
    """Let this process's numerical libraries use ``n`` threads, so that processes side by side do not fight."""
    import cv2
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(n)
    cv2.setNumThreads(n)
    # Of the libraries of linear algebra below NumPy and SciPy, whatever the environment says.
    threadpool_limits(n)
