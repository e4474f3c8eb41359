import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from al_core.ledger.labelling.people import Role
from al_core.project import Project
from al_core.records import LabelRequest
from al_core.settings import Settings
from tasks.processes.heartbeat import Patience, Watchdog
from tasks.processes.rounds import RoundsRunner, RunState, ServedRounds, settle_page, waits_for_nobody
from tasks.processes.run_lock import only_run
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer
from tests.toys.web.webhook import webhook


def until(condition, seconds=90):
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


def test_a_run_that_hangs_is_killed_and_started_again(tmp_path, caplog):
    flag, ended = tmp_path / "flag", []
    code = (
        "import os, signal; from pathlib import Path\n"
        f"flag = Path({str(flag)!r})\n"
        "if not flag.exists(): flag.touch(); os.kill(os.getpid(), signal.SIGSTOP)\n"
        "print('through')"
    )
    command = [sys.executable, "-c", code]

    def sign():
        """Changes but while the first run stands still."""
        return "nothing" if flag.exists() and "once more" not in caplog.text else object()

    watchdog = Watchdog("the run", sign, Patience(warn=0.2, kill=1.0))
    with RoundsRunner(command, tmp_path / "run.log", lambda: True, ended.append, watchdog=watchdog) as runner:
        runner.wake()
        until(lambda: len(ended) == 2)
    assert "the run has shown no heartbeat for 1 s: it hangs, or was stopped; once more" in caplog.text
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
    assert waits_for_nobody(ledger)
    assert len(ledger.requests(1, "open")) == 1
    settle_page(ledger)
    assert waits_for_nobody(ledger)
    assert [r.frame.frame_idx for r in ledger.requests(1, "expired")] == [7]


def test_a_round_that_has_its_answers_is_not_held_up_by_one_that_is_taken_back(ledger):
    ledger.begin_round(PAGE)
    ledger.begin_step(1, "collect", "abc")
    ledger.finish_step(1, "collect", {}, 0.0)
    ledger.put_requests([LabelRequest.of(1, chosen(3))])
    settle_page(ledger)
    assert waits_for_nobody(ledger)
    assert len(ledger.requests(1, "open")) == 1


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


KILLED = """
import os, signal, sys, time
from pathlib import Path
from tasks.processes.rounds import RoundsRunner
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


@pytest.fixture
def hook():
    with webhook() as told:
        yield told


@pytest.fixture
def project(tmp_path):
    return Project.at(tmp_path)


class Served:
    """A served project whose first round asks for four frames and goes on when half of them are answered.

    A run writes a line and does nothing else.
    """

    def __init__(self, project, ledger, code="print('it ran', flush=True)"):
        self.log, self.states = project.root / "run.log", []
        self.rounds = ServedRounds(project, ledger, [sys.executable, "-c", code], self.states.append)
        self.look = self.rounds.look
        self.ledger = ledger

    def runs(self):
        """How many runs are over."""
        return sum(not state.running for state in self.states)

    def stays_at(self, n):
        """Wait for so many runs; no other comes soon."""
        until(lambda: self.runs() == n)
        self.look()
        time.sleep(0.3)
        assert self.runs() == n

    def answer(self, *numbers, name="a"):
        """Answer some of the requests."""
        for number in numbers:
            self.ledger.put_answer(mask_answer(self.ledger.requests(1)[number], f"{name}{number}"))


@pytest.fixture
def served(project, ledger, hook):
    changes = {"schedule.answered_share": 0.5, "notify.url": hook.url}
    ledger.begin_round(PAGE.changed(changes))
    ledger.put_requests([LabelRequest.of(1, chosen(i, i)) for i in (2, 5, 8, 11)])
    served = Served(project, ledger)
    with served.rounds:
        yield served


def test_a_round_goes_on_once_when_enough_is_answered_and_the_rest_is_withdrawn(served, ledger):
    served.answer(0)
    served.stays_at(0)
    assert len(ledger.requests(1, "expired")) == 0
    served.answer(1)
    served.look()
    served.stays_at(1)
    assert len(ledger.requests(1, "expired")) == 2
    assert served.log.read_text().count("it ran") == 1


def test_what_is_no_longer_waited_for_is_withdrawn_also_while_a_run_is_under_way(served, ledger, project):
    with only_run(project.root):
        served.answer(0, 1)
        served.look()
        assert len(ledger.requests(1, "expired")) == 2
        assert served.rounds.state() == RunState(running=True)
        served.stays_at(0)
    served.look()
    served.stays_at(1)


def test_an_answer_wakes_it_at_once(served):
    served.answer(0, 1)
    served.rounds.wake(1)
    until(lambda: served.runs() == 1)
    assert served.states[0] == RunState(running=True)


def test_a_run_that_got_further_and_stopped_is_taken_up_again(served, ledger):
    served.answer(0, 1)
    served.look()
    served.stays_at(1)
    ledger.begin_step(1, "collect", "abc")
    ledger.finish_step(1, "collect", {}, 0.0)
    served.look()
    served.stays_at(2)


def test_after_an_answer_that_was_taken_back_it_goes_on_again(served, ledger):
    served.answer(0, 1, 2, 3)
    served.look()
    served.stays_at(1)
    ledger.withdraw(["a0", "a1", "a2"], "ann", "wrong")
    served.look()
    served.answer(0, name="b")
    served.look()
    served.stays_at(2)


def test_after_a_run_that_failed_nothing_is_started_until_an_answer_comes_and_people_hear(project, ledger, hook):
    ledger.begin_round(PAGE.changed({"notify.url": hook.url}))
    served = Served(project, ledger, "raise SystemExit('Error: no luck')")
    with served.rounds:
        served.look()
        served.stays_at(1)
        assert served.rounds.state().last_error == "exit code 1: Error: no luck"
        assert [told["event"] for told in hook.heard] == ["failed"]
        ledger.begin_step(1, "select", "abc")
        ledger.finish_step(1, "select", {}, 0.0)
        served.look()
        served.stays_at(1)
        served.rounds.wake(1)
        until(lambda: served.runs() == 2)


def test_who_is_needed_is_told_once(served, ledger, hook):
    ledger.add_annotator("ann", Role.LEAD)
    ledger.add_annotator("bo", Role.ANNOTATOR)
    for _ in range(4):
        task = ledger.claim("bo", 100.0)
        ledger.flag(task.question.request.request_id, "bo", task.lease, "what is this?")
    served.look()
    served.look()
    assert [told["event"] for told in hook.heard] == ["needs_you"]


def test_before_the_first_round_there_is_nothing_to_look_at(project, ledger):
    served = Served(project, ledger)
    with served.rounds:
        served.stays_at(0)
    assert not served.log.exists()
