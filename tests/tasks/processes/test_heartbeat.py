import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import pytest

from al_core.errors import WorkerLost
from tasks.processes.heartbeat import Signs, Silence, beat_for_life, beating, kill, touched, workers_watched


def test_who_gives_signs_is_left_alone(tmp_path):
    sign = tmp_path / "sign"
    sign.touch()
    os.utime(sign, (1, 1))
    silence = Silence("it", Signs(touched(sign), tell=0.05, end=0.2))
    with beating(sign, 0.01):
        ends = time.monotonic() + 0.5
        while time.monotonic() < ends:
            assert silence.look() is None
            time.sleep(0.01)


def test_silence_is_told_once_and_ends_after_its_time(caplog):
    silence = Silence("the run (process 17)", Signs(lambda: "always the same", tell=0.02, end=0.1))
    assert silence.look() is None
    time.sleep(0.03)
    with caplog.at_level(logging.WARNING):
        assert silence.look() is silence.look() is None
    (told,) = caplog.messages
    assert told.startswith("the run (process 17) has given no sign of life for")
    time.sleep(0.1)
    assert "the run (process 17) gave no sign of life" in silence.look()


def test_a_sign_in_time_is_told_too(caplog):
    signs = iter([1, 1, 2])
    silence = Silence("it", Signs(lambda: next(signs), tell=0.0, end=10.0))
    with caplog.at_level(logging.WARNING):
        assert [silence.look() for _ in range(3)] == [None] * 3
    assert caplog.messages[-1] == "it gives signs of life again"


def test_a_file_that_is_not_there_is_no_sign(tmp_path):
    assert touched(tmp_path / "nowhere")() is None


@pytest.mark.skipif(sys.platform != "linux", reason="signals of Linux")
def test_a_stopped_process_can_be_killed():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    process.send_signal(signal.SIGSTOP)
    kill(process.pid)
    assert process.wait(10) == -signal.SIGKILL
    kill(process.pid)


def hang_once(flag):
    """Work of a worker process: stops for good the first time."""
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    return "through"


@pytest.mark.skipif(sys.platform != "linux", reason="signals of Linux")
def test_a_pool_whose_worker_hangs_breaks_and_says_what_to_do(tmp_path):
    signs, flag = tmp_path / "workers", tmp_path / "flag"
    context = multiprocessing.get_context("spawn")

    def run():
        with (
            workers_watched(signs, tell=0.2, end=1.5, seconds=0.1),
            ProcessPoolExecutor(1, context, initializer=beat_for_life, initargs=(signs, 0.1)) as pool,
        ):
            return pool.submit(hang_once, flag).result()

    with pytest.raises(WorkerLost, match="same command again"):
        run()
    assert run() == "through"
