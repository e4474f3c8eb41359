import pytest

from al_core.campaign.waiting import Until
from al_core.ledger.labelling.people import Role
from al_core.records import LabelRequest
from al_core.settings import Settings
from tasks.steps.settle import settle
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer


@pytest.fixture
def ledger(tmp_path):
    """A ledger whose first round asks for four frames and goes on when half of them are answered."""
    ledger = ledger_with_clip(tmp_path)
    with ledger.owned():
        ledger.begin_round(Settings().changed({"schedule.answered_share": 0.5}))
        ledger.put_requests([LabelRequest.of(1, chosen(i, i)) for i in (2, 5, 8, 11)])
        ledger.add_annotator("ann", Role.ANNOTATOR)
        ledger.add_annotator("bo", Role.ANNOTATOR)
        yield ledger


def answer(ledger, n):
    """Answer the first n requests."""
    for i, request in enumerate(ledger.requests(1)[:n]):
        ledger.put_answer(mask_answer(request, f"a{i}"))


def look(ledger):
    """What the round waits for, and which of its requests are open after that."""
    verdict = settle(ledger, ledger.last_round())
    return verdict.until, [r.frame.frame_idx for r in ledger.requests(1, "open")]


def test_nothing_is_withdrawn_while_too_few_are_answered(ledger):
    answer(ledger, 1)
    assert look(ledger) == (Until.ANSWERED, [5, 8, 11])


def test_with_enough_answers_the_rest_is_withdrawn(ledger):
    answer(ledger, 2)
    assert look(ledger) == (Until.NOTHING, [])
    assert look(ledger) == (Until.NOTHING, [])


def test_a_frame_in_hand_is_waited_for_and_no_other_is_given_out(ledger):
    task = ledger.claim("ann", 100.0)
    for i, request in enumerate(ledger.requests(1)[2:]):
        ledger.put_answer(mask_answer(request, f"a{i}"))
    assert look(ledger) == (Until.PUT_DOWN, [2])
    assert ledger.claim("bo", 100.0) is None
    ledger.release(task.question.request.request_id, "ann", task.lease)
    assert look(ledger) == (Until.NOTHING, [])


def test_when_the_last_frame_in_hand_is_put_down_meanwhile_nothing_is_waited_for(ledger):
    task = ledger.claim("ann", 100.0)
    for i, request in enumerate(ledger.requests(1)[1:]):
        ledger.put_answer(mask_answer(request, f"a{i}"))
    ledger.submit(mask_answer(task.question.request, "b"), task.lease, 0)
    assert look(ledger) == (Until.NOTHING, [])
    assert not ledger.requests(1, "expired")


def test_the_log_says_who_withdrew_it_and_why(ledger):
    answer(ledger, 2)
    settle(ledger, ledger.last_round())
    why = "2 of 4 requests are answered, enough for a share of 0.5"
    logged = [(line.who, line.subject, line.detail) for line in ledger.audit_log() if line.action == "expire"]
    assert sorted(logged) == [("schedule", request.request_id, why) for request in ledger.requests(1, "expired")]
