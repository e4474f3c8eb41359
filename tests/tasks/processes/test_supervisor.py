import logging
import os
import signal
import sys
import time

import pytest

from tasks.processes.supervisor import PeriodicThread, RestartedProcess, SupervisedProcess


def until(condition, seconds=90):
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def numbers(output):
    """Process numbers that children have printed."""
    return [int(line) for line in output.read_text().splitlines()] if output.is_file() else []


STAYS = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(100)"]
ENDS = [sys.executable, "-c", "import os; print(os.getpid(), flush=True)"]


def test_a_killed_child_is_restarted_and_ends_with_the_block(tmp_path):
    output = tmp_path / "out.log"
    with RestartedProcess("child", STAYS, output, first_wait=0.05) as child:
        until(lambda: numbers(output))
        assert numbers(output) == [child.pid]
        os.kill(child.pid, signal.SIGKILL)
        until(lambda: len(numbers(output)) == 2)
        first, second = numbers(output)
        # The child may be ahead of who started it.
        until(lambda: child.pid == second)
        assert first != second
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


def test_one_that_ends_again_and_again_is_restarted_ever_later(tmp_path, caplog):
    output = tmp_path / "out.log"
    with RestartedProcess("child", ENDS, output, first_wait=0.2) as child:
        until(lambda: child.times == 3)
    times = [r.created for r in caplog.records if "is restarted" in r.message]
    assert len(times) >= 2
    assert times[1] - times[0] > 0.2


def test_a_child_that_cannot_be_started_is_told(tmp_path, caplog):
    with RestartedProcess("child", ["/no/such/program"], tmp_path / "out.log") as child:
        assert child.pid == 0
    assert "child cannot be started" in caplog.text


def test_a_call_is_repeated_and_a_failure_ends_nothing(caplog):
    done = []

    def work():
        done.append(len(done))
        if len(done) in (2, 3):
            raise OSError("away")

    with caplog.at_level(logging.WARNING), PeriodicThread("work", 0.01, work):
        until(lambda: len(done) >= 5)
    n = len(done)
    time.sleep(0.05)
    assert len(done) == n
    assert [record.message for record in caplog.records] == ["work: away"]


def test_a_call_that_lasts_is_over_when_the_block_is(tmp_path):
    over = []

    def work():
        time.sleep(0.2)
        over.append(True)

    with PeriodicThread("work", 100, work):
        pass
    assert over == [True]


def test_the_child_has_its_number_as_soon_as_the_block_begins(tmp_path):
    for _ in range(5):
        with RestartedProcess("child", STAYS, tmp_path / "out.log") as child:
            assert child.pid > 0
            os.kill(child.pid, 0)


class Impatient:
    """A watchdog that has every child killed at the second look."""

    def __init__(self):
        self.looks, self.resets = 0, 0

    def reset(self):
        self.looks, self.resets = 0, self.resets + 1

    def look(self):
        self.looks += 1
        return "it hangs" if self.looks >= 2 else None


@pytest.mark.skipif(sys.platform != "linux", reason="signals of Linux")
def test_a_child_that_hangs_is_killed_and_restarted(tmp_path):
    watchdog = Impatient()
    with RestartedProcess("child", STAYS, tmp_path / "out.log", first_wait=0.05) as child:
        first = child.pid
        os.kill(first, signal.SIGSTOP)
        child.watch(watchdog)
        until(lambda: child.times >= 2)
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)
    assert watchdog.resets >= 2


def test_a_run_returns_its_exit_code_and_says_whether_it_hung(tmp_path):
    process = SupervisedProcess([sys.executable, "-c", "raise SystemExit(7)"], tmp_path / "out.log")
    assert process.pid == 0
    assert (process.run(), process.hung, process.times) == (7, None, 1)
    process = SupervisedProcess(STAYS, tmp_path / "out.log", Impatient())
    assert (process.run(), process.hung) == (-signal.SIGKILL, "it hangs")


def test_a_run_ends_early_when_it_is_told_to(tmp_path):
    process = SupervisedProcess(STAYS, tmp_path / "out.log")
    assert process.run(process.ending.set) == -signal.SIGTERM
