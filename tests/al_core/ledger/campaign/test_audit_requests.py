"""Requests of audits in the ledger, and how their requests are handed out."""

from dataclasses import replace
from datetime import datetime

import pytest

from al_core.ledger.campaign.audit_requests import AuditQuestion, CarriedRequest
from al_core.ledger.labelling.leases import Purpose
from al_core.records import FrameRef, LabelKind, LabelRequest
from al_core.settings import Settings
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer
from tests.toys.operations import ESTIMATE


@pytest.fixture
def ledger(tmp_path):
    """A ledger with a clip and two people."""
    found = ledger_with_clip(tmp_path)
    with found.owned():
        for name in ("ada", "bo"):
            found.add_annotator(name)
        yield found


@pytest.fixture
def audited(ledger):
    """A ledger with a finished round; asks for audits of its delivery, the first ones drawn blind."""
    ledger.begin_round(Settings())
    ledger.finish_round(1, None)

    def ask(n, round_id=1, after=None):
        frames = [FrameRef(1, i) for i in range(n)]
        requests = [
            (
                LabelRequest(f"audit-{round_id}-{i}", round_id, frame, i, "", LabelKind.ACCEPT),
                AuditQuestion(round_id, 1, frame, 1, "judged", 0.75),
            )
            for i, frame in enumerate(frames)
        ]
        return ledger.put_audit_requests(requests, after or {})

    return ask


def handed_out(ledger, who="ada"):
    """The request that somebody gets; it is answered at once."""
    task = ledger.claim(who, 60.0)
    if task is None:
        return None
    request = task.question.request
    ledger.submit(replace(mask_answer(request, f"a-{request.request_id}"), annotator=who), task.lease, 0)
    return request.request_id


def test_an_answered_question_of_the_delivery_before_counts_as_done(ledger, audited):
    ledger.begin_round(Settings())
    audited(3)
    assert handed_out(ledger)
    counts = ledger.queue_counts("ada")
    assert (counts.open, counts.done, counts.mine) == (2, 1, 1)


def test_asking_twice_is_asking_once(ledger, audited):
    assert audited(2) == 2
    assert audited(3) == 1
    assert [r.request_id for r in ledger.requests(purpose="audit")] == ["audit-1-0", "audit-1-1", "audit-1-2"]


def test_a_request_tells_what_it_is_about(ledger, audited):
    audited(1)
    assert ledger.audit_question("audit-1-0") == AuditQuestion(1, 1, FrameRef(1, 0), 1, "judged", 0.75)
    assert ledger.audit_question("r0001-v00001-f0000003") is None
    assert ledger.question("audit-1-0").purpose is Purpose.AUDIT


def test_no_round_waits_for_an_audit_and_nothing_is_learned_from_it(ledger, audited):
    audited(1)
    handed_out(ledger)
    assert ledger.waiting(1).open == 0
    assert ledger.human_labels() == []
    assert ledger.asked_frames(9)["frame_idx"].tolist() == []


def test_audits_keep_pace_with_the_labels_of_the_next_round(ledger, audited):
    audited(4)
    ledger.begin_round(Settings())
    ledger.put_requests([LabelRequest.of(2, chosen(i, i)) for i in (5, 7)])
    names = [handed_out(ledger) for _ in range(7)]
    assert names.pop() is None
    assert [name.startswith("audit") for name in names] == [True, False, True, True, False, True]


def test_what_waits_for_another_answer_is_handed_out_after_it(ledger, audited):
    audited(2, after={"audit-1-0": "audit-1-1"})
    assert [handed_out(ledger), handed_out(ledger)] == ["audit-1-1", "audit-1-0"]


def test_an_audit_ends_with_the_next_one_but_for_what_is_in_hand(ledger, audited):
    audited(3)
    ledger.claim("ada", 60.0)
    ledger.begin_round(Settings())
    ledger.finish_round(2, None)
    audited(1, 2)
    still = [r.request_id for r in ledger.requests(status="open", purpose="audit")]
    assert still == ["audit-1-0", "audit-2-0"]
    assert handed_out(ledger, "bo") == "audit-2-0"


def test_what_is_carried_over_goes_on_and_counts_for_both_rounds(ledger, audited):
    audited(3)
    handed_out(ledger)
    ledger.begin_round(Settings())
    carried = [CarriedRequest(f"audit-2-{i}", 2, f"audit-1-{i}", 1) for i in (0, 1)]
    assert ledger.put_audit_requests([], {}, carried) == 0
    assert [r.request_id for r in ledger.requests(status="open", purpose="audit")] == ["audit-1-1"]
    assert ledger.carried_requests(2) == carried
    assert [state[:3] for state in ledger.audit_state()] == [(1, 3, 1), (2, 2, 1)]
    assert handed_out(ledger) == "audit-1-1"
    assert [state[:3] for state in ledger.audit_state()] == [(1, 3, 2), (2, 2, 2)]


def test_how_far_audits_are(ledger, audited):
    audited(2)
    assert ledger.audit_state() == [(1, 2, 0, None)]
    handed_out(ledger)
    ((round_id, asked, answered, newest),) = ledger.audit_state()
    assert (round_id, asked, answered) == (1, 2, 1)
    ledger.withdraw(["a-audit-1-0"], "eve", "wrong")
    assert ledger.audit_state()[0][3] > newest


def test_judgements_have_no_part_in_the_price_of_labels(ledger, audited):
    audited(1)
    handed_out(ledger)
    assert ledger.answer_times() == []
    assert ledger.human_effort(audits=False) == []
    assert ledger.human_effort()[0][1] == 0


def test_estimates_are_replaced_round_by_round(ledger):
    at = datetime(2026, 11, 26)
    ledger.put_estimates(1, [ESTIMATE, ESTIMATE], at)
    ledger.put_estimates(2, [ESTIMATE], at)
    ledger.put_estimates(1, [ESTIMATE], at)
    assert ledger.estimates() == [(1, at, ESTIMATE), (2, at, ESTIMATE)]


def test_masks_to_judge_are_handed_out_together_and_frames_to_look_through_are_not(ledger, audited):
    audited(3, after={"audit-1-2": "audit-1-whole"})
    whole = LabelRequest("audit-1-whole", 1, FrameRef(1, 7), 9, "", LabelKind.ACCEPT)
    about = AuditQuestion(1, 1, whole.frame, 0, "judged", 0.75)
    ledger.put_audit_requests([(whole, about)], {})
    ledger.begin_round(Settings())
    looked = replace(LabelRequest.of(2, chosen(9, 0)), kind=LabelKind.ACCEPT)
    ledger.put_requests([looked])

    def names(who):
        return [task.question.request.request_id for task in ledger.claim_looks(who, 60.0, 12)]

    assert ledger.claim("ada", 60.0).question.request.request_id == "audit-1-0"
    assert names("ada") == ["audit-1-0", "audit-1-1"]
    assert ledger.claim("bo", 60.0).question.request.request_id == "audit-1-whole"
    assert names("bo") == []
