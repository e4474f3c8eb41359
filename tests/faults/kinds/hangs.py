"""A process hangs: it is stopped by a signal, as one that waits for a dead disk is."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from al_core.ledger.store import Ledger
from flows.cli.serve import run_command
from tasks.processes.heartbeat import Patience, Watchdog, touched
from tasks.processes.rounds import RoundsRunner, RunState
from tests.bench.load.serve_load import free_port, start
from tests.faults.framework import Family, expect
from tests.toys.ledgers import ledger_with_clip
from tests.toys.projects import command


class Hanging(Family):
    """The run that serve has begun, or the server that other commands ask, stops for good or for a while."""

    name = "hang"
    fault = "a process hangs (SIGSTOP): the run that serve began, the server that a command asks"
    times = 8

    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """Every fourth time the run."""
        return self._run_of_serve(rng, folder) if self._made % 4 == 3 else self._server(rng, folder)

    def _run_of_serve(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """The real command, looked after as serve does but with less patience; it stops itself once, somewhere."""
        project = self.lab.undisturbed.finished(folder / "project")
        delay = rng.uniform(0.0, 1.5)
        ended: list[RunState] = []
        stop_once = [
            sys.executable,
            "-c",
            _STOP_ONCE,
            str(folder / "stopped"),
            str(delay),
            *run_command(project.root)[3:],
        ]
        lock = project.root / "run.lock"
        # On a busy machine a run that is well may say nothing for ten seconds while it begins.
        watchdog = Watchdog("the run", touched(lock), Patience(warn=20.0, kill=30.0))
        with RoundsRunner(stop_once, folder / "run.log", lambda: True, ended.append, watchdog=watchdog) as runner:
            runner.wake()
            _until(lambda: len(ended) == 2, 300)
        expect((folder / "stopped").exists(), "it was never stopped")
        expect(ended[-1] == RunState(), f"{ended}: {(folder / 'run.log').read_text()[-2000:]}")
        expect(Ledger(project.ledger_path).last_round(), "the ledger is gone")
        return f"the run of serve, {delay:.1f} s after it began", "noticed, ended, begun again, went through"

    def _server(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """A command asks a server that was stopped, says so, and goes on when the server does."""
        ledger_with_clip(folder)
        server = start(folder, free_port())
        seconds = rng.uniform(1.0, 3.0)
        try:
            server.send_signal(signal.SIGSTOP)
            with (folder / "said").open("w+") as said:
                status = subprocess.Popen(
                    command("status", "--project", folder), stdout=subprocess.DEVNULL, stderr=said, text=True
                )
                # On a busy machine the command itself takes its time to begin.
                _until(lambda: "kill -CONT" in " ".join((folder / "said").read_text().split()), 60)
                time.sleep(seconds)
                server.send_signal(signal.SIGCONT)
                status.wait(90)
        finally:
            server.send_signal(signal.SIGCONT)
            server.terminate()
            server.wait()
        told = " ".join((folder / "said").read_text().split())
        expect(status.returncode == 0, told)
        expect(f"process {server.pid}, which serves this project" in told, f"nothing was said: {told}")
        return f"serve, for {seconds:.1f} s", "the command said so, waited, and went through"


_STOP_ONCE = """
import os, signal, sys, threading
flag, delay = sys.argv[1], float(sys.argv[2])
def stop():
    open(flag, "w").close()
    os.kill(os.getpid(), signal.SIGSTOP)
if not os.path.exists(flag):
    threading.Timer(delay, stop).start()
from flows.cli.main import main
sys.argv = ["fewframes", *sys.argv[3:]]
main()
"""


def _until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        expect(time.monotonic() < deadline, f"it did not come about within {seconds:g} s")
        time.sleep(0.05)
