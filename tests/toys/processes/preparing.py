"""A process that has loaded what commands need and has done nothing with it; every command is a fork of it.

The command line loads torch, mmdet and what Prefect stands on for 8 seconds of computing before it trains anything. A
fork has them at once and is a process as any other: with a number, an environment, files and a folder of its own.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys

from tests.toys.processes import prepared

LIGHT = (
    "flows.cli.main",
    "tasks.curation.moved_footage",
    "tasks.imports.storing",
    "tasks.ledger.client",
    "tasks.preflight.checks",
    "tasks.progress",
    "tasks.project.export",
    "tasks.project.ingest",
    "tasks.project.label_versions",
    "tasks.project.outlook",
    "tasks.project.round_control",
    "tasks.project.run_settings",
    "tasks.report.tables",
    "tasks.web.serve",
)
HEAVY = (
    "al_core.students.runner",
    "al_core.students.train",
    "al_core.uncertainty.ensemble",
    "tasks.steps.audit",
    "tasks.steps.calibrate",
    "tasks.steps.predict",
    "tasks.steps.propagate",
    "tasks.steps.select",
    "tasks.steps.table",
    "tasks.steps.train",
)
# Prefect reads its settings while it is imported, so a fork must do that itself; what it stands on is the larger part.
BELOW_PREFECT = (
    "anyio",
    "coolname",
    "fsspec",
    "griffe",
    "httpcore",
    "jsonschema",
    "pathspec",
    "pendulum",
    "prometheus_client",
    "websockets.asyncio.client",
)


def load(heavy: bool) -> None:
    """Import what commands need."""
    for name in LIGHT + (HEAVY + BELOW_PREFECT if heavy else ()):
        importlib.import_module(name)
    if heavy:
        from al_core.students.build import import_mmdet

        import_mmdet()
    gc.freeze()


def become(asked: dict[str, object], fds: list[int]) -> None:
    """Let this process, a fork, be what was asked for."""
    from tasks.preflight import rehearsal

    for number, fd in enumerate(fds[:2], start=1):
        os.dup2(fd, number)
    for fd in fds:
        os.close(fd)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["fewframes", *asked["words"]]
    # A rehearsal starts Python anew, which loads for eight seconds what is loaded here.
    rehearsal._child = prepared.trial


class Forking:
    """Forks a command for each request that comes through a connection, and says how it ended."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._connections: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(listening, selectors.EVENT_READ)

    def serve(self) -> bool:
        """Go on until the last connection is closed; returns whether this is a fork."""
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._tell(key.fd, *key.data)
                elif key.fileobj is self._listening:
                    self._connections.append(self._listening.accept()[0])
                    self._selector.register(self._connections[-1], selectors.EVENT_READ)
                elif self._asked(next(one for one in self._connections if one is key.fileobj)):
                    return True
            if not self._connections:
                return False

    def _asked(self, connection: socket.socket) -> bool:
        """Do what comes through a connection; returns whether this is a fork."""
        content, fds, *_ = socket.recv_fds(connection, 2**20, 3)
        if content:
            return self._fork(json.loads(content), fds)
        self._selector.unregister(connection)
        self._connections.remove(connection)
        connection.close()
        return False

    def _fork(self, asked: dict[str, object], fds: list[int]) -> bool:
        pid = os.fork()
        if pid == 0:
            self._selector.close()
            for one in (self._listening, *self._connections):
                one.close()
            become(asked, fds)
            return True
        *files, status = fds
        for fd in files:
            os.close(fd)
        os.write(status, f"{pid}\n".encode())
        self._selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, status))
        return False

    def _tell(self, pidfd: int, pid: int, status: int) -> None:
        _, ended = os.waitpid(pid, 0)
        with contextlib.suppress(BrokenPipeError):
            os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
        self._selector.unregister(pidfd)
        os.close(pidfd)
        os.close(status)


class Leaving:
    """Ends a fork without taking apart all that was loaded, which would take half a second of computing."""

    def __init__(self) -> None:
        self._code = 1
        # What was registered first is called last.
        atexit.register(self._leave)

    def run(self) -> None:
        """Run the command line, or the module after ``-m``."""
        try:
            if sys.argv[1] == "-m":
                sys.argv[:2] = []
                runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
                self._code = 0
            else:
                from flows.cli.main import main

                main()
        except SystemExit as error:
            self._code = error.code if isinstance(error.code, int) else int(bool(error.code))
            raise

    def _leave(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(self._code)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    leaving = Leaving()
    load(heavy=sys.argv[2] == "heavy")
    if Forking(socket.socket(fileno=int(sys.argv[1]))).serve():
        leaving.run()
