"""Commands as processes of their own that begin at once: forks of a process that has loaded what they need."""

import contextlib
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.toys.processes.together import together

TRAINING = ("run", "round", "predict", "simulate", "bench", "student", "pretrain", "-m")
"""Commands that need torch and mmdet."""


class PreparedCommand:
    """A command that is at work; what can be done with it is what can be done with a ``subprocess.Popen``.

    Only Linux has what it takes. After ``-m`` comes a module with its words, as for Python itself.

    Attributes:
        args: its words.
        pid: number of the process.
        returncode: how it ended; None while that is not known.
    """

    def __init__(self, *words: str | Path | int) -> None:
        self.args = [str(word) for word in words]
        self.returncode: int | None = None
        self._printed, self._errors = os.memfd_create("printed"), os.memfd_create("errors")
        asked = {"words": self.args, "folder": os.getcwd(), "environment": dict(os.environ)}
        ours, theirs = os.pipe()
        forking = _forking("heavy" if self.args[0] in TRAINING else "light")
        socket.send_fds(forking, [json.dumps(asked).encode()], [self._printed, self._errors, theirs])
        os.close(theirs)
        self._told = os.fdopen(ours)
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        """Return how it ended, None while it is at work."""
        if self.returncode is None and select.select([self._told], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, for so many seconds at most; returns how it ended."""
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                assert timeout is not None
                raise subprocess.TimeoutExpired(self.args, timeout)
            self.returncode = int(self._told.readline())
            self._told.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; returns what it printed and what it printed of errors. For one call."""
        self.wait(timeout)
        return _read(self._printed), _read(self._errors)

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def _read(fd: int) -> str:
    with os.fdopen(fd, "rb") as file:
        file.seek(0)
        return io.TextIOWrapper(io.BytesIO(file.read()), encoding="utf-8").read()


def trial(folder: Path) -> int:
    """Try the student in a folder, as the process does that a rehearsal starts; returns how it ended."""
    trying = PreparedCommand("-m", "tasks.preflight.trying", folder)
    trying.communicate()
    return trying.wait()


@cache
def _forking(kind: str) -> socket.socket:
    """Return a socket to a process that forks for all workers, which ends with the last that has such a socket."""
    name = f"\0{together()} {kind}"
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with contextlib.suppress(ConnectionRefusedError):
            connection.connect(name)
            return connection
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
            try:
                listening.bind(name)
            except OSError:
                # Another worker is about to listen.
                connection.close()
                continue
            listening.listen()
            connection.connect(name)
            words = [sys.executable, "-m", "tests.toys.processes.preparing", str(listening.fileno()), kind]
            subprocess.Popen(words, pass_fds=[listening.fileno()], cwd=Path(__file__).resolve().parents[3])
            return connection
