"""Whether a round only waits, found out without Prefect."""

import pytest

from al_core.ledger.labelling.people import Role
from al_core.project import Project
from al_core.records import LabelRequest
from al_core.settings import Settings
from tasks.processes.round_outcome import RoundOutcome, still_waits
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer

ASKED = [LabelRequest.of(1, chosen(frame, rank)) for rank, frame in enumerate((3, 8))]


@pytest.fixture
def project(tmp_path):
    return Project.at(tmp_path)


@pytest.fixture
def ledger(tmp_path):
    return ledger_with_clip(tmp_path)


def ask(ledger, backend="page", review="none", **schedule):
    """A round asks for two frames."""
    changes = {f"schedule.{name}": value for name, value in schedule.items()}
    settings = Settings().changed({"annotator.backend": backend, "annotator.review": review} | changes)
    ledger.begin_round(settings)
    for step in ("select", "request"):
        ledger.begin_step(1, step, "0" * 64)
        ledger.finish_step(1, step, {}, 1.0)
    ledger.put_requests(ASKED)


def answer(ledger, *requests):
    for request in requests:
        ledger.put_answer(mask_answer(request, request.request_id))


def test_a_round_waits_until_its_answers_are_there(project, ledger):
    assert still_waits(project) is None
    ask(ledger)
    assert still_waits(project) == RoundOutcome(1, waiting=2)
    answer(ledger, ASKED[0])
    assert still_waits(project).waiting == 1
    answer(ledger, ASKED[1])
    assert still_waits(project) is None


def test_a_round_that_waits_for_no_more_answers_goes_on(project, ledger):
    ask(ledger, answered_share=0.5)
    answer(ledger, ASKED[0])
    assert still_waits(project) is None


def test_what_is_not_asked_yet_or_needs_nobody_is_work(project, ledger):
    ledger.begin_round(Settings().changed({"annotator.backend": "page"}))
    assert still_waits(project) is None


def test_the_simulated_annotator_is_not_waited_for(project, ledger):
    ask(ledger, backend="simulated")
    assert still_waits(project) is None


def test_after_the_answers_there_is_work(project, ledger):
    ask(ledger)
    answer(ledger, *ASKED)
    ledger.begin_step(1, "collect", "0" * 64)
    ledger.finish_step(1, "collect", {}, 1.0)
    assert still_waits(project) is None


def test_a_paused_project_has_nothing_to_do(project, ledger):
    pause = ledger.pause("eve")
    assert still_waits(project) == RoundOutcome(0, paused=pause)
    ask(ledger)
    assert still_waits(project) == RoundOutcome(1, waiting=2, paused=pause)
    assert still_waits(project).describe().startswith("paused since ")
    answer(ledger, *ASKED)
    assert still_waits(project) == RoundOutcome(1, paused=pause)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (RoundOutcome(2, waiting=1), "round 2 waits for 1 label"),
        (RoundOutcome(2), "round 2 is finished"),
        (RoundOutcome(2, stop_reason="2 of 2 rounds"), "round 2 is finished; the campaign is over: 2 of 2 rounds"),
    ],
)
def test_in_words(outcome, words):
    assert outcome.describe() == words


def test_a_round_waits_for_approvals_and_says_so(project, ledger):
    ask(ledger, review="before")
    ledger.add_annotator("rae", Role.REVIEWER)
    answer(ledger, ASKED[0])
    waits = still_waits(project)
    assert (waits.waiting, waits.unapproved) == (2, 1)
    assert waits.describe() == "round 1 waits for 1 label and 1 approval"
    answer(ledger, ASKED[1])
    assert still_waits(project).describe() == "round 1 waits for 2 approvals"
    for request in ASKED:
        ledger.approve(request.request_id, request.request_id, "rae", None, 1, 2.0)
    assert still_waits(project) is None
