import logging
import multiprocessing
import os
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import pytest

from al_core.errors import WorkerLost
from tasks.processes.heartbeat import Heartbeat, Patience, Watchdog, beat_as_worker, touched, watched_workers


class Clock:
    """The monotonic clock, set by hand."""

    now = 1000.0


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("tasks.processes.heartbeat.time.monotonic", lambda: clock.now)
    return clock


def test_a_process_that_shows_its_heartbeat_is_left_alone(clock, tmp_path):
    file = tmp_path / "beat"
    file.touch()
    os.utime(file, (1, 1))
    watchdog = Watchdog("it", touched(file), Patience(warn=60, kill=900))
    with Heartbeat(file, 0.01):
        for _ in range(5):
            last = file.stat().st_mtime_ns
            while file.stat().st_mtime_ns == last:
                time.sleep(0.001)
            clock.now += 899
            assert watchdog.look() is None
    assert watchdog.look() is None
    clock.now += 900
    assert watchdog.look() is not None


def test_a_heartbeat_ends_with_its_block_and_outlives_a_file_that_is_gone(tmp_path):
    file = tmp_path / "beat"
    with Heartbeat(file, 0.01):
        time.sleep(0.05)
        file.touch()
        os.utime(file, (1, 1))
        deadline = time.monotonic() + 60
        while file.stat().st_mtime == 1:
            assert time.monotonic() < deadline
            time.sleep(0.001)
    last = file.stat().st_mtime_ns
    time.sleep(0.05)
    assert file.stat().st_mtime_ns == last


def test_silence_is_told_once_and_ends_after_its_time(clock, caplog):
    watchdog = Watchdog("the run", lambda: "always the same", Patience(warn=60, kill=900))
    assert watchdog.look() is None
    clock.now += 59
    with caplog.at_level(logging.WARNING):
        assert watchdog.look() is None
        assert caplog.messages == []
        clock.now += 1
        assert watchdog.look() is watchdog.look() is None
        clock.now += 839
        assert watchdog.look() is None
    assert caplog.messages == ["the run has shown no heartbeat for 60 s; it is killed in 840 s"]
    clock.now += 1
    assert watchdog.look() == "the run has shown no heartbeat for 900 s: it hangs, or was stopped"


def test_the_process_that_takes_the_place_of_a_killed_one_has_as_much_time(clock):
    watchdog = Watchdog("it", lambda: "always the same", Patience(warn=60, kill=900))
    watchdog.look()
    clock.now += 900
    assert watchdog.look() is not None
    clock.now += 899
    assert watchdog.look() is None
    watchdog.reset()
    clock.now += 899
    assert watchdog.look() is None
    clock.now += 1
    assert watchdog.look() is not None


def test_a_heartbeat_in_time_is_told_too(clock, caplog):
    beats = iter([1, 1, 2])
    watchdog = Watchdog("it", lambda: next(beats), Patience(warn=0.0, kill=10.0))
    with caplog.at_level(logging.WARNING):
        assert [watchdog.look() for _ in range(3)] == [None] * 3
    assert caplog.messages[-1] == "it shows its heartbeat again"


def test_a_heartbeat_that_is_dear_is_asked_for_now_and_then(clock):
    asked = []
    watchdog = Watchdog("it", lambda: asked.append(True), Patience(warn=60, kill=90), every=5)
    for _ in range(20):
        watchdog.look()
        clock.now += 1
    assert len(asked) == 3


def test_a_clock_of_the_day_that_jumps_kills_nobody(clock, monkeypatch):
    watchdog = Watchdog("it", lambda: "the same", Patience(warn=60, kill=900))
    watchdog.look()
    monkeypatch.setattr(time, "time", lambda: 4e9)
    clock.now += 1
    assert watchdog.look() is None


def test_a_file_that_is_not_there_gives_nothing(tmp_path):
    assert touched(tmp_path / "nowhere")() is None


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
            watched_workers(signs, Patience(warn=0.2, kill=1.5), seconds=0.1),
            ProcessPoolExecutor(1, context, initializer=beat_as_worker, initargs=(signs, 0.1)) as pool,
        ):
            return pool.submit(hang_once, flag).result()

    with pytest.raises(WorkerLost, match="same command again"):
        run()
    assert run() == "through"
