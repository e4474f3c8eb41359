"""Worker processes of the benchmarks: campaigns side by side, each on its own share of the cores."""

import multiprocessing
import os
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from queue import Queue
from typing import TypeVar

from rich.console import Console

from tasks.processes.children import die_with_owner, use_threads
from tasks.processes.heartbeat import beat_as_worker, watched_workers
from tasks.progress import counting

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")
Job = Callable[["Queue[int]"], Result]
"""What a worker process does; it puts a number into the queue for each unit of work that is done. A partial of a
function of a module, so that it can be sent to another process."""


def run_jobs(
    jobs: Mapping[Key, Job[Result]],
    on_result: Callable[[Key, Result], None],
    workers: int | None,
    work: Path,
    units: tuple[str, int],
    console: Console,
) -> None:
    """Run jobs in parallel processes and hand each result to ``on_result`` in this process, as they finish.

    The first error cancels what has not begun, and is raised.

    Args:
        workers: processes; None takes one per core. Each gets an equal share of the cores as threads.
        work: folder for the workers' signs of life.
        units: (name, number) of the units of work of all jobs together, for the progress bar.
    """
    cores = os.cpu_count() or 1
    workers = min(workers or cores, len(jobs))
    context, signs = multiprocessing.get_context("spawn"), work / "workers"
    with context.Manager() as manager:
        done = manager.Queue()
        with (
            watched_workers(signs),
            ProcessPoolExecutor(workers, context, _prepare, (max(cores // workers, 1), signs)) as pool,
            counting(units[0], done, units[1], console),
        ):
            futures = {pool.submit(job, done): key for key, job in jobs.items()}
            try:
                for future in as_completed(futures):
                    on_result(futures[future], future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _prepare(threads: int, signs_of_life: Path) -> None:
    die_with_owner()
    beat_as_worker(signs_of_life)
    use_threads(threads)
