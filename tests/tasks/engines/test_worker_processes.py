"""The workers of one machine: how many, with which GPUs, and how they end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from al_core.errors import MissingDependency, WorkerLost
from tasks.engines import worker_processes
from tasks.engines.worker_processes import work_for, worker_command
from tasks.processes.children import NICENESS

# One write for the whole line: two processes that print side by side mix what print() writes in pieces.
SAY = (
    "import os; line = os.environ['CUDA_VISIBLE_DEVICES'] + ' ' + os.environ['FEWFRAMES_WORKER_FOLDER'] + chr(10); "
    "os.write(1, line.encode())"
)


def test_each_worker_does_one_job_at_a_time(tmp_path: Path) -> None:
    command = worker_command("tcp://10.0.0.5:8786", 0.5, tmp_path)
    assert command[3] == "tcp://10.0.0.5:8786"
    assert command[command.index("--nthreads") + 1] == "1"
    assert command[-2:] == ["--resources", "GPU=0.5"]
    assert "--resources" not in worker_command("tcp://10.0.0.5:8786", 0, tmp_path)


def test_a_worker_for_each_gpu_sees_that_one_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    monkeypatch.setattr(
        worker_processes, "worker_command", lambda *_: [sys.executable, "-c", f"{SAY}; import time; time.sleep(1)"]
    )
    work_for("tcp://10.0.0.5:8786", 0, 1, tmp_path)
    assert sorted(capfd.readouterr().out.splitlines()) == [f"3 {tmp_path / 'cache'}", f"5 {tmp_path / 'cache'}"]


def test_workers_give_way_to_who_labels_on_their_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    program = "import os, time; print(os.nice(0), flush=True); time.sleep(0.2)"
    monkeypatch.setattr(worker_processes, "worker_command", lambda *_: [sys.executable, "-c", program])
    work_for("tcp://10.0.0.5:8786", 1, 0, tmp_path)
    assert int(capfd.readouterr().out) == min(os.nice(0) + (NICENESS if sys.platform == "linux" else 0), 19)


def test_a_worker_that_ends_with_an_error_is_told_and_the_others_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    programs = iter(["import time; time.sleep(60)", "raise SystemExit(3)"])

    def start(*_: object) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", next(programs)]))
        return started[-1]

    monkeypatch.setattr(worker_processes, "_start", start)
    with pytest.raises(WorkerLost, match="code 3"):
        work_for("tcp://10.0.0.5:8786", 2, 0, tmp_path)
    assert all(process.poll() is not None for process in started)


def test_more_workers_than_gpus_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(MissingDependency, match="2 workers of 1 GPUs each need more than the 1 here"):
        work_for("tcp://10.0.0.5:8786", 2, 1, tmp_path)
