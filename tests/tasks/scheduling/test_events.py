from datetime import timedelta

import pytest

from al_core.ledger.file.ledger_clock import system_time
from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import LabelRequest
from al_core.settings import ScheduleSettings, Settings
from tasks.scheduling.events import need_of, tell_failed, tell_finished, tell_need, tell_ready
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer
from tests.toys.web.webhook import webhook


@pytest.fixture
def hook():
    with webhook() as told:
        yield told


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "work"
    root.mkdir()
    return Project.at(root)


@pytest.fixture
def ledger(project, hook):
    """A ledger whose first round asks for two frames, with eight hours to answer; somebody is told of rounds."""
    ledger = ledger_with_clip(project.root)
    changes = {"notify.url": hook.url, "annotator.backend": "page", "schedule.deadline_hours": 8.0}
    with ledger.owned():
        ledger.begin_round(Settings().changed(changes))
        ledger.begin_step(1, "request", "abc")
        ledger.put_requests([LabelRequest.of(1, chosen(i, i)) for i in (2, 5)])
        ledger.finish_step(1, "request", {}, 0.5)
        ledger.add_annotator("ann", Role.LEAD)
        yield ledger


def test_people_hear_that_there_is_something_to_label(project, ledger, hook):
    tell_ready(project, ledger, 1, 2)
    (told,) = hook.heard
    assert (told["event"], told["round"], told["counts"]) == ("round_ready", 1, {"asked": 2})
    assert told["text"] == "Round 1 of work is ready: 2 frames to label."


def test_nobody_hears_of_a_simulated_annotator(project, hook, tmp_path):
    ledger = ledger_with_clip(tmp_path)
    ledger.begin_round(Settings().changed({"notify.url": hook.url, "annotator.backend": "simulated"}))
    tell_ready(project, ledger, 1, 2)
    assert hook.heard == []


def test_a_finished_round_is_told_with_its_figures(project, ledger, hook):
    ledger.put_answer(mask_answer(ledger.requests(1)[0]))
    ledger.settle(1, ScheduleSettings(answered_share=0.5), 300.0)
    ledger.finish_round(1, "all rounds are done: 1 of 1")
    tell_finished(project, ledger, 1)
    (told,) = hook.heard
    assert told["event"] == "round_finished"
    figures = {"asked": 2, "answered": 1, "expired": 1, "frames": 12, "labelled": 0, "human_frames": 1}
    assert told["counts"] == figures
    assert "1 of 2 frames answered" in told["text"]
    assert told["text"].endswith("The campaign is over: all rounds are done: 1 of 1.")


def test_a_failure_is_told_with_what_to_do(project, ledger, hook):
    tell_failed(project, ledger, "exit code 1: out of luck")
    (told,) = hook.heard
    assert (told["event"], told["round"]) == ("failed", 1)
    assert told["text"] == "A run of work ended early: exit code 1: out of luck"
    assert told["mend"].endswith(f"fewframes run --project {project.root}")


def test_a_round_that_simply_waits_needs_nobody(ledger):
    assert need_of(ledger) is None


def test_a_lead_is_needed_when_all_that_is_left_is_flagged(project, ledger, hook):
    task = ledger.claim("ann", 100.0)
    ledger.flag(task.question.request.request_id, "ann", task.lease, "what is this?")
    assert need_of(ledger) is None
    ledger.put_answer(mask_answer(next(r for r in ledger.requests(1) if r != task.question.request)))
    assert need_of(ledger) == "1 frame left, all flagged for a lead"
    tell_need(project, ledger, need_of(ledger))
    assert hook.heard[0]["text"] == "Round 1 of work needs you: 1 frame left, all flagged for a lead."
    assert hook.heard[0]["counts"] == {"answered": 1, "open": 1}


def test_somebody_is_needed_when_the_deadline_has_passed_without_an_answer(tmp_path):
    ledger_with_clip(tmp_path)
    late = Ledger(tmp_path / "ledger.duckdb", clock=lambda: system_time() + timedelta(hours=9))
    now = Ledger(tmp_path / "ledger.duckdb")
    now.begin_round(Settings().changed({"schedule.deadline_hours": 8.0}))
    now.begin_step(1, "request", "abc")
    now.put_requests([LabelRequest.of(1, chosen(i, i)) for i in (2, 5)])
    now.finish_step(1, "request", {}, 0.5)
    assert need_of(now) is None
    assert need_of(late) == "none of 2 requests is answered, although the deadline of 8 h has passed"
    now.put_answer(mask_answer(now.requests(1)[0]))
    assert need_of(late) is None
