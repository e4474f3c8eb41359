import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from al_core.project import Project
from al_core.records import LabelRequest
from al_core.settings import Settings
from tasks.processes.heartbeat import Signs, touched
from tasks.processes.rounds_runner import RoundsRunner, run_command, waits_for_nobody
from tasks.web.services import RunState
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer


def until(condition, seconds=20):
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def runner(tmp_path):
    """Makes a started runner of a piece of Python; ``ended`` gets the state after each run."""
    made = []

    def make(code, needed=lambda: True):
        ended = []
        command = [sys.executable, "-c", code]
        runner = RoundsRunner(
            command, tmp_path / "run.log", needed, lambda state: None if state.running else ended.append(state)
        )
        made.append(runner.__enter__())
        return runner, ended

    yield make
    for runner in made:
        runner.__exit__(None, None, None)


def test_it_runs_when_it_is_woken_and_there_is_something_to_do(runner, tmp_path):
    runner, ended = runner("print('trained')")
    assert runner.state() == RunState()
    runner.wake(1)
    until(lambda: ended)
    assert ended == [RunState()] == [runner.state()]
    assert "trained" in (tmp_path / "run.log").read_text()


def test_it_does_nothing_while_people_have_to_answer(runner, tmp_path):
    asked = []
    runner, ended = runner("print('trained')", needed=lambda: asked.append(True))
    runner.wake()
    until(lambda: asked)
    time.sleep(0.1)
    assert not ended
    assert not (tmp_path / "run.log").exists()


def test_a_crash_is_tried_once_more_and_then_told(runner, tmp_path):
    runner, ended = runner("import sys; print('trying', flush=True); sys.exit('Error: out of luck')")
    runner.wake()
    until(lambda: ended)
    assert ended == [RunState(running=False, last_error="exit code 1: Error: out of luck")]
    assert (tmp_path / "run.log").read_text().count("trying") == 2


def test_a_run_that_succeeds_the_second_time_leaves_no_error(runner, tmp_path):
    flag = tmp_path / "flag"
    code = (
        f"import os, sys; from pathlib import Path; f = Path({str(flag)!r})\nif not f.exists(): f.touch(); os.abort()"
    )
    runner, ended = runner(code)
    runner.wake()
    until(lambda: ended)
    assert ended == [RunState()]


def test_one_at_a_time_and_once_more_when_it_was_woken_meanwhile(runner, tmp_path):
    runner, ended = runner("import time; print('begin', flush=True); time.sleep(0.3); print('end')")
    runner.wake()
    until(lambda: runner.state().running)
    for _ in range(5):
        runner.wake()
    until(lambda: len(ended) == 2)
    time.sleep(0.1)
    words = [line for line in (tmp_path / "run.log").read_text().splitlines() if not line.startswith("---")]
    assert words == ["begin", "end"] * 2


def test_a_run_that_hangs_is_ended_and_begun_again(tmp_path, caplog):
    sign, flag, ended = tmp_path / "sign", tmp_path / "flag", []
    sign.touch()
    code = (
        "import os, signal; from pathlib import Path\n"
        f"flag = Path({str(flag)!r})\n"
        "if not flag.exists(): flag.touch(); os.kill(os.getpid(), signal.SIGSTOP)\n"
        "print('through')"
    )
    command = [sys.executable, "-c", code]
    signs = Signs(touched(sign), tell=0.5, end=3.0)
    with RoundsRunner(command, tmp_path / "run.log", lambda: True, ended.append, signs=signs) as runner:
        runner.wake()
        until(lambda: len(ended) == 2)
    assert "gave no sign of life for 3 s: it hangs, or was stopped; once more" in caplog.text
    assert ended == [RunState(running=True), RunState()]
    assert "through" in (tmp_path / "run.log").read_text()


def test_the_child_ends_with_the_runner(runner, tmp_path):
    runner, ended = runner("import os, time; print(os.getpid(), flush=True); time.sleep(100)")
    runner.wake()
    log = tmp_path / "run.log"
    until(lambda: log.is_file() and log.read_text().splitlines()[1:])
    pid = int(log.read_text().splitlines()[1])
    runner.__exit__(None, None, None)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    assert not ended


def test_what_cannot_be_found_out_is_told_and_does_not_end_it(runner):
    answers = [RuntimeError("no ledger"), True]

    def needed():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    runner, ended = runner("pass", needed)
    runner.wake()
    until(lambda: runner.state().last_error == "no ledger")
    runner.wake()
    until(lambda: ended)
    assert runner.state() == RunState()


def test_what_another_process_does_needs_no_child(tmp_path):
    asked, ended = [], []
    with RoundsRunner(
        ["none"], tmp_path / "run.log", lambda: True, ended.append, lambda: asked.append(True) or True
    ) as runner:
        runner.wake()
        until(lambda: ended)
    assert (asked, ended) == ([True], [RunState()])
    assert not (tmp_path / "run.log").exists()


PAGE = Settings().changed({"annotator.backend": "page"})


@pytest.fixture
def ledger(tmp_path):
    ledger = ledger_with_clip(tmp_path)
    with ledger.owned():
        yield ledger


def test_a_round_waits_until_its_last_request_is_answered(ledger):
    assert not waits_for_nobody(ledger)
    ledger.begin_round(PAGE)
    requests = [LabelRequest.of(1, chosen(i, i)) for i in (3, 7)]
    ledger.put_requests(requests)
    ledger.put_answer(mask_answer(requests[0], "a"))
    assert not waits_for_nobody(ledger)
    ledger.put_answer(mask_answer(requests[1], "b"))
    assert waits_for_nobody(ledger)


def test_a_round_goes_on_with_a_share_of_its_answers(ledger):
    ledger.begin_round(PAGE.changed({"schedule.answered_share": 0.5}))
    requests = [LabelRequest.of(1, chosen(i, i)) for i in (3, 7)]
    ledger.put_requests(requests)
    assert not waits_for_nobody(ledger)
    ledger.put_answer(mask_answer(requests[0], "a"))
    assert waits_for_nobody(ledger)
    assert [r.frame.frame_idx for r in ledger.requests(1, "expired")] == [7]


def test_a_round_that_has_its_answers_is_not_held_up_by_one_that_is_taken_back(ledger):
    ledger.begin_round(PAGE)
    ledger.begin_step(1, "collect", "abc")
    ledger.finish_step(1, "collect", {}, 0.0)
    ledger.put_requests([LabelRequest.of(1, chosen(3))])
    assert waits_for_nobody(ledger)


def test_a_round_that_was_cut_off_before_it_asked_goes_on(ledger):
    ledger.begin_round(PAGE)
    assert waits_for_nobody(ledger)


def test_after_a_round_comes_the_next_unless_the_campaign_is_over(ledger):
    ledger.begin_round(PAGE)
    ledger.finish_round(1, None)
    assert waits_for_nobody(ledger)
    ledger.begin_round(PAGE)
    ledger.finish_round(2, "all rounds are done: 2 of 2")
    assert not waits_for_nobody(ledger)


@pytest.mark.parametrize("backend", ["simulated", "inbox"])
def test_where_people_answer_elsewhere_they_say_when_to_run(ledger, backend):
    ledger.begin_round(PAGE.changed({"annotator.backend": backend}))
    assert not waits_for_nobody(ledger)


def test_the_child_is_the_command_that_people_give(tmp_path):
    assert run_command(Project.at(tmp_path)) == [
        *(sys.executable, "-m", "flows.cli.main"),
        *("run", "--project", str(tmp_path)),
    ]


KILLED = """
import os, signal, sys, time
from pathlib import Path
from tasks.processes.rounds_runner import RoundsRunner
log = Path(sys.argv[1])
child = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(100)"]
with RoundsRunner(child, log, lambda: True) as runner:
    runner.wake()
    while not (log.is_file() and log.read_text().splitlines()[1:]):
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_the_child_ends_with_a_killed_server(tmp_path):
    log = tmp_path / "run.log"
    assert subprocess.run([sys.executable, "-c", KILLED, str(log)], check=False).returncode == -signal.SIGKILL
    pid = int(log.read_text().splitlines()[1])
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
