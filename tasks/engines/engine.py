"""Who does the heavy work of a step: this process, or workers that Prefect's task runners reach.

The jobs of a step are whole videos, or seeds. An engine gives each away, again where a worker dies or hangs, and hands
its caller, who owns the ledger, one result of each.
"""

import logging
import pickle
import queue
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from al_core.errors import WorkerLost, first_line
from al_core.project import Project
from al_core.records import Progress
from al_core.settings import ComputeSettings
from tasks.engines.jobs import Delivered, Job, Order, Place, gpus_here, versions, visible_devices
from tasks.engines.shared_folder import Files, OwnFiles, SharedFolder
from tasks.processes.children import use_threads
from tasks.progress import progress_of

if TYPE_CHECKING:
    from al_core.stores.frames import FrameStore

J = TypeVar("J", bound=Job)

ATTEMPTS = 3
"""How often a job is given away at most."""

WORKERS_SECONDS = 60.0
"""How long an engine waits for a first worker."""

GRACE_SECONDS = 30.0
"""How much longer than ``compute.limit_seconds`` the owner waits: a worker that hangs ends itself first."""

_LOOK_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Runner(Protocol):
    """Workers, as Prefect's task runners reach them."""

    def slots(self) -> int:
        """Return how many jobs they can do at a time; 0 while there is no worker.

        Raises:
            VersionsDiffer: one of them is another program. WorkerLost: nobody knows of any worker any more.
        """

    def submit(self, name: str, packed: bytes, landed: Callable[["Outcome"], None]) -> None:
        """Have an order carried out (:func:`~tasks.engines.jobs.carry_out`), and say what came of it, in any thread."""


@dataclass(frozen=True)
class Outcome:
    """What came of an order: ``read`` returns what was delivered, pickled, or raises what happened."""

    read: Callable[[], bytes]


class Engine(Protocol):
    """Who does jobs, and how files get there and back."""

    @property
    def files(self) -> Files: ...

    def each(self, step: str, jobs: Sequence[J]) -> Iterator[tuple[J, Any]]:
        """Yield every job with its value, once, as it is done.

        Raises:
            WorkerLost: a job was given away :data:`ATTEMPTS` times and never came back, or nobody works.
            FewframesError: a job cannot be done.
        """


@dataclass(frozen=True)
class OwnProcess:
    """This process does everything itself, one job after the other."""

    place: Place

    @property
    def files(self) -> Files:
        """Files stay where they are."""
        return self.place.files

    def each(self, step: str, jobs: Sequence[J]) -> Iterator[tuple[J, Any]]:
        """Yield every job with its value."""
        for job in jobs:
            yield job, job.work(self.place)


@dataclass
class _Flight:
    """A job under way: which attempt it is, and since when (seconds of a clock that never goes back)."""

    job: Job
    attempt: int
    since: float


@dataclass
class Workers:
    """Workers do the jobs, each as often as it takes, and one result of each counts.

    Attributes:
        limit: seconds until a job that does not come back is given to another worker; 0 for never.
        patience: seconds until somebody has to work.
    """

    runner: Runner
    files: Files
    threads: int = 0
    limit: float = 0.0
    patience: float = WORKERS_SECONDS
    clock: Callable[[], float] = time.monotonic
    _attempts: dict[int, int] = field(default_factory=dict)

    def each(self, step: str, jobs: Sequence[J]) -> Iterator[tuple[J, Any]]:
        """Yield every job with its value, as it is done; see :class:`Engine`."""
        tell, waiting, flights = progress_of(step), deque(jobs), dict[int, _Flight]()
        landed: queue.Queue[tuple[Job, int, Outcome]] = queue.Queue()
        self._attempts = {}
        idle = self.clock()
        done = 0
        while waiting or flights:
            slots = self.runner.slots()
            while waiting and len(flights) < slots:
                self._give_away(waiting.popleft(), flights, landed)
            idle = self.clock() if slots else idle
            if self.clock() - idle > self.patience:
                raise WorkerLost(
                    f"{step}: no worker came within {self.patience:.0f} s; start some, then give the same command: "
                    "what is done stays done"
                )
            for job, delivered in self._landed(landed, flights, waiting):
                done += 1
                tell(Progress(done, len(jobs), job.name))
                yield job, delivered.value
            self._give_up_on_late(flights, waiting)

    def _give_away(self, job: Job, flights: dict[int, _Flight], landed: "queue.Queue[Any]") -> None:
        attempt = self._attempts[job.key] = self._attempts.get(job.key, 0) + 1
        order = Order(job, attempt, self.files, self.threads, self.limit, versions())
        flights[job.key] = _Flight(job, attempt, self.clock())
        self.runner.submit(job.name, pickle.dumps(order), lambda outcome: landed.put((job, attempt, outcome)))

    def _landed(
        self, landed: "queue.Queue[tuple[Job, int, Outcome]]", flights: dict[int, _Flight], waiting: "deque[Any]"
    ) -> Iterator[tuple[Any, Delivered]]:
        """Yield what came back since the last look, but for what comes from attempts that were given up."""
        try:
            come = [landed.get(timeout=_LOOK_SECONDS)]
        except queue.Empty:
            return
        while not landed.empty():
            come.append(landed.get_nowait())
        for job, attempt, outcome in come:
            flight = flights.get(job.key)
            if flight is None or flight.attempt != attempt:
                _log.warning("%s: attempt %d came back late and is refused", job.name, attempt)
                continue
            del flights[job.key]
            try:
                delivered: Delivered = pickle.loads(outcome.read())
            except WorkerLost as error:
                self._once_more(job, first_line(error), waiting)
                continue
            _log.info("%s: done by %s, attempt %d", job.name, delivered.worker, attempt)
            yield job, delivered

    def _give_up_on_late(self, flights: dict[int, _Flight], waiting: "deque[Any]") -> None:
        if not self.limit:
            return
        for key, flight in list(flights.items()):
            if self.clock() - flight.since > self.limit + GRACE_SECONDS:
                del flights[key]
                self._once_more(flight.job, f"nothing came back for {self.limit + GRACE_SECONDS:.0f} s", waiting)

    def _once_more(self, job: Job, why: str, waiting: "deque[Any]") -> None:
        attempts = self._attempts[job.key]
        if attempts >= ATTEMPTS:
            raise WorkerLost(
                f"{job.name}: given to workers {attempts} times, and never done ({why}); what others did is kept"
            )
        _log.warning("%s: attempt %d is lost (%s); another worker gets it", job.name, attempts, why)
        waiting.append(job)


@contextmanager
def engine_of(
    compute: ComputeSettings, project: Project, step: str, frames: "Callable[[], FrameStore]"
) -> Iterator[Engine]:
    """Have an engine for a step, as the settings say.

    Args:
        frames: gives those of all videos, where this process does the work.

    Raises:
        MissingDependency: its package is not installed. WorkerLost: nobody answers at ``compute.address``.
    """
    if compute.threads:
        use_threads(compute.threads)
    from tasks.engines.runners import RUNNERS, process_runner

    if compute.engine == "local":
        devices = visible_devices(gpus_here(), compute.gpus_per_task) if compute.gpus_per_task else []
        if len(devices) < 2:
            yield OwnProcess(Place(OwnFiles(), project.cache, frames))
            return
        with process_runner(devices, project.cache) as processes:
            yield Workers(processes, OwnFiles(), compute.threads, compute.limit_seconds)
        return
    folder = shared_folder(compute, project) / f"{project.place}-{step}"
    with RUNNERS[compute.engine](compute) as runner:
        folder.mkdir(parents=True, exist_ok=True)
        yield Workers(runner, SharedFolder(folder), compute.threads, compute.limit_seconds)
        # Where the step failed, a training goes on from what it left here.
        shutil.rmtree(folder, ignore_errors=True)


def shared_folder(compute: ComputeSettings, project: Project) -> Path:
    """Return the folder through which files go: that of the settings, or one within the project."""
    return Path(compute.shared) if compute.shared else project.root / "exchange"
