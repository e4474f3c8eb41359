"""Workers, and the scheduler that they work for, die or hang in the middle of a step."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from al_core.ledger.store import Ledger
from al_core.project import Project
from tasks.ledger.client import open_ledger
from tests.faults import children
from tests.faults.campaign import Place, contents, do, expect_same
from tests.faults.framework import Family, expect
from tests.toys.engines.cluster import Cluster, dask_cluster, start_scheduler

STEPS = ("train", "predict", "propagate")
WORKS = (*STEPS, "discover", "refiner")
"""What workers do: steps, and what is done beside them, which begins where a step would."""

REFINER_STEPS = 5
LIMIT_SECONDS = 40
"""Of a job; a worker that was started anew loads what it needs in this time, also on a busy machine."""


class DisturbedEngine(Family):
    """A step is done by two workers of Dask; one of them, or the scheduler, is killed or stopped in the middle."""

    name = "engine"
    fault = "kill -9 or SIGSTOP of a Dask worker, kill -9 of the scheduler, in the middle of a step"
    times = 15
    short = 0

    def __init__(self, scratch: Path, lab: object) -> None:
        super().__init__(scratch, lab)
        self._cluster: Cluster | None = None
        self._context = None
        self._expected: dict[Place, dict[str, str]] = {}

    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """Every work in turn, by every kind of fault in turn."""
        number = self._made - 1
        place = (rng.randint(1, self.lab.undisturbed.rounds), WORKS[number % len(WORKS)])
        faults: tuple[Callable[..., str], ...] = (self._kill_worker, self._stop_worker, self._kill_scheduler)
        fault = faults[(number // len(WORKS)) % len(faults)]
        project = self._before(place, folder / "project")
        cluster = self._at_work()
        self._by_workers(project, place, cluster, LIMIT_SECONDS if fault == self._stop_worker else 0)
        child = children.Child(work, project, place)
        delay = rng.uniform(0, 1.5)
        hit = self._busy_worker(cluster, child, delay)
        outcome = fault(cluster, hit, child, project, place)
        self._compare(project, place)
        return f"round {place[0]}, {place[1]}, {delay:.1f} s after it was given away", outcome

    def close(self) -> None:
        """End the workers."""
        if self._context is not None:
            self._context.__exit__(None, None, None)

    def _before(self, place: Place, folder: Path) -> Project:
        return self.lab.undisturbed.before((place[0], place[1] if place[1] in STEPS else "train"), folder)

    def _after(self, place: Place) -> dict[str, str]:
        """What a project holds that was not disturbed."""
        if place[1] in STEPS:
            return self.lab.undisturbed.after(place)
        if place not in self._expected:
            project = self._before(place, self.scratch / f"undisturbed-{place[0]}-{place[1]}")
            ended = children.run(work, project, place)
            expect(ended.code == 0, f"{place}: {ended.said}")
            self._expected[place] = contents(project)
        return self._expected[place]

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
        again = children.run(work, project, place, patience=240)
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
        found, expected = contents(project), self._after(place)
        kept = [k for k in expected if k.startswith("rounds/") or k in ("table prediction", "table delivered")]
        expect(len(kept) > 1, f"there is nothing to compare in {sorted(expected)}")
        expect_same({k: found.get(k, "") for k in kept}, {k: expected[k] for k in kept})
        extra = sorted(k for k in found if k.startswith("rounds/") and k not in expected)
        expect(not extra, f"something is left over: {extra}")
        if place[1] in STEPS:
            step = Ledger(project.ledger_path).step(*place)
            expect(step is not None and step.status == "finished", f"{place}: {step}")
            return
        made = set(expected) - set(contents(self._before(place, self.scratch / "before")))
        shutil.rmtree(self.scratch / "before")
        expect(made, f"{place} makes nothing that could be compared")


def work(project: Project, place: Place) -> object:
    """Do a step, look for objects, or train the page's refiner on all truth; called in a child."""
    return {"discover": _discover, "refiner": _refine}.get(place[1], do)(project, place)


def _discover(project: Project, place: Place) -> None:
    from tasks.discovery.finding import discover

    ledger = open_ledger(project)
    found = list(discover(project, ledger, ledger.round(place[0]).settings, ledger.videos()))
    expect(any(one.objects for one in found), f"nothing is found: {found}")


def _refine(project: Project, place: Place) -> None:
    from tasks.models import page_refiner
    from tests.toys.ledgers import context_of

    ledger = open_ledger(project)
    by_people = {"annotator.backend": "page", "annotator.refiner_steps": REFINER_STEPS}
    settings = ledger.round(place[0]).settings.changed(by_people)
    labels = [label for video in ledger.videos() for label in ledger.truth(video.video_id).values()]
    # Some of the clip's twelve frames are held out.
    page_refiner.FEWEST_FRAMES = 4
    found = page_refiner.train_page_refiner(
        context_of(project, ledger, place[0], settings, labels_collected=labels), None
    )
    expect(found is not None and found.file, f"no refiner: {found}")
