import logging
import os
import signal
import sys
import time

import pytest

from tasks.processes.supervisor import Every, KeptChild


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


def test_a_killed_child_is_begun_again_and_ends_with_the_block(tmp_path):
    output = tmp_path / "out.log"
    with KeptChild("child", STAYS, output, first_wait=0.05) as child:
        until(lambda: numbers(output))
        assert numbers(output) == [child.pid]
        os.kill(child.pid, signal.SIGKILL)
        until(lambda: len(numbers(output)) == 2)
        assert numbers(output)[1] == child.pid != numbers(output)[0]
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


def test_one_that_ends_again_and_again_is_begun_ever_later(tmp_path, caplog):
    output = tmp_path / "out.log"
    with KeptChild("child", ENDS, output, first_wait=0.2) as child:
        until(lambda: child.times == 3)
    times = [r.created for r in caplog.records if "is begun again" in r.message]
    assert len(times) >= 2
    assert times[1] - times[0] > 0.2


def test_a_child_that_cannot_be_begun_is_told(tmp_path, caplog):
    with KeptChild("child", ["/no/such/program"], tmp_path / "out.log") as child:
        assert child.pid == 0
    assert "child cannot be begun" in caplog.text


def test_work_is_done_ever_again_and_a_failure_ends_nothing(caplog):
    done = []

    def work():
        done.append(len(done))
        if len(done) in (2, 3):
            raise OSError("away")

    with caplog.at_level(logging.WARNING), Every("work", 0.01, work):
        until(lambda: len(done) >= 5)
    n = len(done)
    time.sleep(0.05)
    assert len(done) == n
    assert [record.message for record in caplog.records] == ["work: away"]
