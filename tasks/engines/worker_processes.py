"""The workers of one machine: processes of Dask, each with its own GPUs and one job at a time."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from al_core.errors import MissingDependency, WorkerLost
from tasks.engines.jobs import OWN_FOLDER, gpus_here, visible_devices
from tasks.processes.children import NICENESS, end, start_child


def work_for(address: str, processes: int, gpus_per_task: float, folder: Path | None) -> None:
    """Work for a Dask scheduler until it goes, or this process is told to end.

    Args:
        processes: how many workers; 0 for one, or for as many as the GPUs allow.
        gpus_per_task: of each of them; 0 for none.
        folder: for decoded frames and what Dask needs; None for one among the temporary ones.

    Raises:
        MissingDependency: Dask is not installed, or there are not the GPUs that are asked for.
        WorkerLost: a worker ended by itself, with an error.
    """
    import importlib.util

    if importlib.util.find_spec("distributed") is None:
        raise MissingDependency("a worker needs Dask: python -m pip install 'fewframes[dask]'")
    devices = visible_devices(gpus_here(), gpus_per_task) if gpus_per_task else [""] * max(processes, 1)
    if len(devices) < max(processes, 1):
        raise MissingDependency(
            f"{max(processes, 1)} workers of {gpus_per_task:g} GPUs each need more than the {len(gpus_here())} here; "
            "ask for fewer --processes or --gpus-per-task"
        )
    own = folder or Path(tempfile.gettempdir()) / f"fewframes-worker-{os.getuid()}"
    own.mkdir(parents=True, exist_ok=True)
    chosen = devices[:processes] if processes else devices
    _supervise([_start(address, device, gpus_per_task, own) for device in chosen])


def worker_command(address: str, gpus_per_task: float, own: Path) -> list[str]:
    """Return the command of one worker of Dask, which a nanny starts again where it dies."""
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--nworkers", "1"]
    command += ["--no-dashboard", "--local-directory", str(own), "--memory-limit", "0", "--death-timeout", "60"]
    return [*command, "--resources", f"GPU={gpus_per_task:g}"] if gpus_per_task else command


def _start(address: str, device: str, gpus_per_task: float, own: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, OWN_FOLDER: str(own / "cache")}
    if gpus_per_task:
        environment["CUDA_VISIBLE_DEVICES"] = device
    return start_child(worker_command(address, gpus_per_task, own), sys.stdout.buffer, NICENESS, environment)


def _supervise(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait for workers; where one ends, or this process is told to, all end."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        while all(worker.poll() is None for worker in workers):
            try:
                workers[0].wait(1)
            except subprocess.TimeoutExpired:
                continue
        codes = [code for worker in workers if (code := worker.poll())]
        if codes:
            raise WorkerLost(f"a worker of Dask ended with code {codes[0]}; what it said stands above")
    finally:
        signal.signal(signal.SIGTERM, previous)
        for worker in workers:
            end(worker)
