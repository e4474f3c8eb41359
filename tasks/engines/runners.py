"""Workers: those of Dask and Ray, which Prefect's own task runners reach, and processes of this machine, one per GPU.

Every order for Dask and Ray is a run of a Prefect task. A worker needs no Prefect server: it tells the one of the round
how it goes where it reaches it, and works where it does not.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from al_core.errors import FewframesError, MissingDependency, WorkerLost, first_line
from al_core.settings import ComputeSettings, Table
from tasks.engines.engine import Outcome, Runner
from tasks.engines.jobs import OWN_FOLDER, carry_out, check_versions, versions
from tasks.processes.children import die_with_owner

_CONNECT_SECONDS = 20

_NOWHERE = "http://127.0.0.1:9/api"
"""For a step outside of a flow, whose workers have nobody to tell."""


@contextmanager
def dask_runner(compute: ComputeSettings) -> Iterator[Runner]:
    """Reach the workers of a Dask scheduler at ``compute.address``."""
    _require("dask", "prefect_dask")
    from prefect_dask import DaskTaskRunner

    with DaskTaskRunner(address=compute.address, client_kwargs={"timeout": _CONNECT_SECONDS}) as runner:
        try:
            client = runner.client
        except (OSError, TimeoutError) as error:
            raise WorkerLost(
                f"compute.address: no Dask scheduler answers at {compute.address} ({first_line(error)}); start it with "
                "`dask scheduler`, or set compute.engine=local"
            ) from None
        yield _Dask(runner, client, compute)


@contextmanager
def ray_runner(compute: ComputeSettings) -> Iterator[Runner]:
    """Reach the workers of Ray at ``compute.address``; without an address, on this machine."""
    _require("ray", "prefect_ray")
    from prefect_ray import RayTaskRunner

    quiet = {"include_dashboard": False, "log_to_driver": False} if not compute.address else {"log_to_driver": False}
    try:
        runner = RayTaskRunner(address=compute.address or None, init_kwargs=quiet).__enter__()
    except (OSError, RuntimeError, ValueError) as error:
        raise WorkerLost(
            f"compute.address: Ray does not answer at {compute.address or 'this machine'} ({first_line(error)}); start "
            "it with `ray start --head`, or set compute.engine=local"
        ) from None
    try:
        yield _Ray(runner, compute)
    finally:
        runner.__exit__(None, None, None)


@contextmanager
def process_runner(devices: Sequence[str], cache: Path) -> Iterator[Runner]:
    """Have processes on this machine, each of which sees its own GPUs only.

    Args:
        devices: what CUDA_VISIBLE_DEVICES is in each.
        cache: the project's, for decoded frames and flow.
    """
    processes = _Processes(devices, cache)
    try:
        yield processes
    finally:
        processes.end()


RUNNERS: Table[Callable[[ComputeSettings], Any]] = Table("engine", {"dask": dask_runner, "ray": ray_runner})
"""How each engine that is not this process reaches its workers."""


class _Dask:
    """Workers of Dask: each of its threads is one that works."""

    def __init__(self, runner: Any, client: Any, compute: ComputeSettings) -> None:
        self._runner = runner
        self._client = client
        self._compute = compute
        self._known: set[str] = set()

    def slots(self) -> int:
        """Return how many threads of workers may work, those with enough GPUs where these are asked for."""
        if self._client.status != "running":
            raise WorkerLost(
                f"the Dask scheduler at {self._compute.address} is gone; start it again, then give the same command: "
                "what is done stays done"
            )
        try:
            workers = self._client.scheduler_info(n_workers=-1)["workers"]
            if new := set(workers) - self._known:
                found = self._client.run(versions, workers=list(new), on_error="ignore")
                check_versions(versions(), {workers[w]["host"] + " " + w: theirs for w, theirs in found.items()})
                self._known |= new
        except (OSError, TimeoutError) as error:
            raise WorkerLost(f"the Dask scheduler at {self._compute.address} is lost: {first_line(error)}") from None
        return sum(_turns(worker, self._compute.gpus_per_task) for worker in workers.values())

    def submit(self, name: str, packed: bytes, landed: Callable[[Outcome], None]) -> None:
        """Have an order carried out by the first worker that is free."""
        import dask

        gpus = self._compute.gpus_per_task
        with _asking(), dask.annotate(**({"resources": {"GPU": gpus}} if gpus else {})):
            future = self._runner.submit(_task(name), {"packed": packed})
        future.wrapped_future.add_done_callback(lambda _: landed(Outcome(lambda: _result(future))))


def _turns(worker: Any, gpus: float) -> int:
    if not gpus:
        return int(worker["nthreads"])
    return min(int(worker["nthreads"]), int(worker["resources"].get("GPU", 0) / gpus + 1e-9))


class _Ray:
    """Workers of Ray: each of its processors is one that works, or each share of its GPUs."""

    def __init__(self, runner: Any, compute: ComputeSettings) -> None:
        self._runner = runner
        self._compute = compute

    def slots(self) -> int:
        """Return how many jobs Ray's machines can do at a time."""
        import ray

        if not ray.is_initialized():
            raise WorkerLost(f"Ray at {self._compute.address} is gone; start it again, then give the same command")
        there = ray.cluster_resources()
        gpus = self._compute.gpus_per_task
        return int(there.get("GPU", 0) / gpus + 1e-9) if gpus else int(there.get("CPU", 0))

    def submit(self, name: str, packed: bytes, landed: Callable[[Outcome], None]) -> None:
        """Have an order carried out."""
        from prefect_ray.context import remote_options

        gpus = self._compute.gpus_per_task
        with _asking(), remote_options(num_cpus=1, **({"num_gpus": gpus} if gpus else {})):
            future = self._runner.submit(_task(name), {"packed": packed})
        future.wrapped_future.future().add_done_callback(lambda _: landed(Outcome(lambda: _result(future))))


class _Processes:
    """A process for each share of the GPUs; one that dies is followed by another."""

    def __init__(self, devices: Sequence[str], cache: Path) -> None:
        self._devices = devices
        self._cache = cache
        self._free = deque(range(len(devices)))
        self._pools: dict[int, ProcessPoolExecutor] = {}

    def slots(self) -> int:
        """Return how many there are."""
        return len(self._devices)

    def submit(self, name: str, packed: bytes, landed: Callable[[Outcome], None]) -> None:
        """Have an order carried out by the process that has been free for the longest time."""
        number = self._free.popleft()
        if number not in self._pools:
            self._pools[number] = ProcessPoolExecutor(
                1, multiprocessing.get_context("spawn"), _begin, (self._devices[number], str(self._cache))
            )
        future = self._pools[number].submit(carry_out, packed)

        def over(future: "Future[bytes]") -> None:
            if isinstance(future.exception(), BrokenProcessPool):
                self._pools.pop(number).shutdown(wait=False)
            self._free.append(number)
            landed(Outcome(lambda: _of_process(future)))

        future.add_done_callback(over)

    def end(self) -> None:
        """End all processes, also those that are at work."""
        for pool in self._pools.values():
            for process in list((pool._processes or {}).values()):
                process.kill()
            pool.shutdown(cancel_futures=True)


def _begin(devices: str, cache: str) -> None:
    """Begin a process of :class:`_Processes`."""
    die_with_owner()
    os.environ["CUDA_VISIBLE_DEVICES"] = devices
    os.environ[OWN_FOLDER] = cache


def _of_process(future: "Future[bytes]") -> bytes:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise WorkerLost(first_line(error)) from None


def _task(name: str) -> Any:
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    return task(name=name.partition(" ")[0], task_run_name=name, cache_policy=NO_CACHE)(carry_out)


@contextmanager
def _asking() -> Iterator[None]:
    """Let workers go on where they do not reach the Prefect server: they only tell it."""
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED,
        PREFECT_LOGGING_TO_API_ENABLED,
        temporary_settings,
    )

    url = PREFECT_API_URL.value() or _NOWHERE
    quiet = {PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED: False, PREFECT_LOGGING_TO_API_ENABLED: False}
    with temporary_settings({PREFECT_API_URL: url, **quiet}):
        yield


def _result(future: Any) -> bytes:
    """Return what a run of a task delivered.

    Raises:
        WorkerLost: who worked is gone. Otherwise what went wrong with the work.
    """
    try:
        packed: bytes = future.result()
        return packed
    except FewframesError:
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0] in ("distributed", "ray") or _is_cancelled(error):
            raise WorkerLost(f"{type(error).__name__}: {first_line(error)}") from None
        raise


def _is_cancelled(error: Exception) -> bool:
    return "Cancelled" in type(error).__name__ or "Crashed" in type(error).__name__


def _require(extra: str, package: str) -> None:
    if find_spec(package) is None:
        raise MissingDependency(
            f"compute.engine={extra} needs the package {package.replace('_', '-')}: "
            f"python -m pip install 'fewframes[{extra}]'"
        )
