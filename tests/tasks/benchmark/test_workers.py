"""Jobs in worker processes: results, threads, and errors."""

import io
from functools import partial

import pytest
from rich.console import Console

from tasks.benchmark.workers import run_jobs


def square(number, done):
    """A job; it runs in another process."""
    import os

    import torch

    done.put(1)
    return number**2, os.getpid(), torch.get_num_threads()


def fail(done):
    raise ValueError("this job cannot be done")


def run(jobs, tmp_path, workers=2):
    found = {}
    console = Console(file=io.StringIO())
    run_jobs(jobs, found.__setitem__, workers, tmp_path, ("jobs", len(jobs)), console)
    return found


def test_results_come_from_other_processes_that_share_the_cores(tmp_path, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    found = run({n: partial(square, n) for n in range(3)}, tmp_path, workers=2)
    assert {n: result[0] for n, result in found.items()} == {0: 0, 1: 1, 2: 4}
    assert {result[2] for result in found.values()} == {1}
    assert len({result[1] for result in found.values()}) <= 2


def test_an_error_of_a_job_is_raised(tmp_path):
    with pytest.raises(ValueError, match="cannot be done"):
        run({"bad": fail}, tmp_path, workers=1)
