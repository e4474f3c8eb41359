"""The real command, orchestrator and all, is killed, or the server that it has begun is."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import psutil

from al_core.project import Project
from tests.faults.campaign import contents, expect_same
from tests.faults.framework import Family, expect
from tests.toys.projects import command

_ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


class KilledRun(Family):
    """``fewframes run`` begins at any step and is killed after any time; the same command ends the campaign."""

    name = "kill_run"
    fault = "kill -9 of fewframes run at any time, or of the Prefect server below it"
    times = 4
    short = 0

    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """Every third time it is the server."""
        places = self.lab.undisturbed.places()
        place = rng.choice(places)
        project = self.lab.undisturbed.before(place, folder / "project")
        words = command("run", "--project", project.root)
        log = (folder / "run.log").open("wb")
        run = subprocess.Popen(words, stdout=log, stderr=log, env=_ENVIRONMENT)
        delay = rng.uniform(1, 40)
        server_only = self._made % 3 == 0
        _wait(run, delay)
        killed = _kill(run, server_only)
        where = f"{'its server' if server_only else 'the run'} after {delay:.0f} s, from round {place[0]}, {place[1]}"
        code = run.wait(300)
        said = (folder / "run.log").read_text(errors="replace")
        outcome = "ended the same after the same command"
        if server_only and killed:
            expect(code == 0 or "give the same command again" in said, f"code {code}: {said[-3000:]}")
            outcome = "went on with a new server" if code == 0 else outcome
        again = subprocess.run(words, capture_output=True, text=True, env=_ENVIRONMENT, check=False)
        expect(again.returncode == 0, again.stderr)
        expect("campaign is over" in again.stdout, again.stdout)
        expect_same(contents(Project.at(project.root)), self.lab.undisturbed.after(places[-1]))
        return where, outcome if killed else "was through before; nothing done twice"


def _wait(run: subprocess.Popen, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)


def _kill(run: subprocess.Popen, server_only: bool) -> bool:
    """Kill the run, or the Prefect server that it has begun; returns whether there was anything to kill."""
    if run.poll() is not None:
        return False
    if not server_only:
        run.send_signal(signal.SIGKILL)
        return True
    servers = [c for c in psutil.Process(run.pid).children(recursive=True) if "uvicorn" in " ".join(c.cmdline())]
    for server in servers:
        server.kill()
    return bool(servers)
