"""Workers, and the scheduler that they work for, die or hang in the middle of a step."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from al_core.ledger.store import Ledger
from al_core.project import Project
from tests.faults import children
from tests.faults.campaign import Place, contents, do, expect_same
from tests.faults.framework import Family, expect
from tests.toys.engines.cluster import Cluster, dask_cluster, start_scheduler

STEPS = ("train", "predict", "propagate")
LIMIT_SECONDS = 25
"""Of a job; a worker that was started anew loads what it needs in this time, also on a busy machine."""


class DisturbedEngine(Family):
    """A step is done by two workers of Dask; one of them, or the scheduler, is killed or stopped in the middle."""

    name = "engine"
    fault = "kill -9 or SIGSTOP of a Dask worker, kill -9 of the scheduler, in the middle of a step"
    times = 18
    short = 0

    def __init__(self, scratch: Path, lab: object) -> None:
        super().__init__(scratch, lab)
        self._cluster: Cluster | None = None
        self._context = None

    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """Every step in turn, by every kind of fault in turn."""
        place = (rng.randint(1, self.lab.undisturbed.rounds), STEPS[self._made % 3])
        faults: tuple[Callable[..., str], ...] = (self._kill_worker, self._stop_worker, self._kill_scheduler)
        fault = faults[(self._made // 3) % 3]
        project = self.lab.undisturbed.before(place, folder / "project")
        cluster = self._at_work()
        self._by_workers(project, place, cluster, LIMIT_SECONDS if fault == self._stop_worker else 0)
        child = children.Child(do, project, place)
        delay = rng.uniform(0, 1.5)
        hit = self._busy_worker(cluster, child, delay)
        outcome = fault(cluster, hit, child, project, place)
        self._compare(project, place)
        return f"round {place[0]}, {place[1]}, {delay:.1f} s after it was given away", outcome

    def close(self) -> None:
        """End the workers."""
        if self._context is not None:
            self._context.__exit__(None, None, None)

    def _at_work(self) -> Cluster:
        if self._cluster is None:
            self._context = dask_cluster(self.scratch / "cluster")
            self._cluster = self._context.__enter__()
        self._cluster.wait_for(2)
        return self._cluster

    def _by_workers(self, project: Project, place: Place, cluster: Cluster, limit: float) -> None:
        """Let the step be done by workers, with the threads that the undisturbed one had."""
        ledger = Ledger(project.ledger_path)
        changes = {
            "compute.engine": "dask",
            "compute.address": cluster.address,
            "compute.limit_seconds": limit,
        }
        ledger.change_round(place[0], ledger.round(place[0]).settings.changed(changes), "fault", list(changes))

    def _busy_worker(self, cluster: Cluster, child: children.Child, delay: float) -> int:
        """Wait until a worker has something to do, and a little more; returns its process."""
        import distributed

        until = time.monotonic() + 120
        with distributed.Client(cluster.address, set_as_default=False, timeout=60) as client:
            pids = client.run(os.getpid)
            while time.monotonic() < until:
                busy = [worker for worker, keys in client.processing().items() if keys]
                if busy:
                    time.sleep(delay)
                    return int(pids[busy[0]])
                time.sleep(0.02)
        ended = child.end(kill_after=0)
        raise AssertionError(f"no worker was given anything: {ended.said}")

    def _kill_worker(self, cluster: Cluster, hit: int, child: children.Child, *_: object) -> str:
        os.kill(hit, signal.SIGKILL)
        ended = child.end(patience=240)
        expect(ended.code == 0, f"after a worker was killed: {ended.said}")
        return "worker killed: another one did it, ended the same"

    def _stop_worker(self, cluster: Cluster, hit: int, child: children.Child, *_: object) -> str:
        os.kill(hit, signal.SIGSTOP)
        try:
            ended = child.end(patience=300)
        finally:
            os.kill(hit, signal.SIGCONT)
        expect(ended.code == 0, f"while a worker was stopped: {ended.said}")
        return "worker stopped: another one did it, ended the same"

    def _kill_scheduler(self, cluster: Cluster, hit: int, child: children.Child, project: Project, place: Place) -> str:
        os.killpg(cluster.scheduler.pid, signal.SIGKILL)
        cluster.scheduler.wait()
        ended = child.end(patience=240)
        if ended.code == 0:
            words = "scheduler killed when all was done; ended the same"
        else:
            expect(ended.code == 1, f"after the scheduler was killed: {ended.said}")
            words = "scheduler killed: one line; the same command did the rest, ended the same"
        self._restart(cluster)
        again = children.run(do, project, place, patience=240)
        expect(again.code == 0, f"with a new scheduler: {again.said}")
        return words

    def _restart(self, cluster: Cluster) -> None:
        for worker in cluster.workers.values():
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        cluster.scheduler = start_scheduler(cluster.folder, cluster.port)
        for number in list(cluster.workers):
            cluster.start_worker(number, {"OMP_NUM_THREADS": str(1 + number)})
        cluster.wait_for(2)

    def _compare(self, project: Project, place: Place) -> None:
        """Compare all that the step made; the settings differ, since others did it."""
        found, expected = contents(project), self.lab.undisturbed.after(place)
        kept = [k for k in expected if k.startswith("rounds/") or k in ("table prediction", "table delivered")]
        expect(len(kept) > 1, f"there is nothing to compare in {sorted(expected)}")
        expect_same({k: found.get(k, "") for k in kept}, {k: expected[k] for k in kept})
        extra = sorted(k for k in found if k.startswith("rounds/") and k not in expected)
        expect(not extra, f"something is left over: {extra}")
        step = Ledger(project.ledger_path).step(*place)
        expect(step is not None and step.status == "finished", f"{place}: {step}")
