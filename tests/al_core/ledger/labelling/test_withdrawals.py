"""Requests that a round stops waiting for, and answers that are taken back: both stay stored and no longer count."""

from datetime import datetime, timedelta

import pytest

from al_core.campaign.waiting import Until
from al_core.errors import StaleLease
from al_core.ledger.labelling.people import Role
from al_core.records import Answer, FrameLabel, FrameRef, LabelKind, LabelRequest, Selected
from al_core.settings import ScheduleSettings, Settings
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer

ONE_OF_THREE = ScheduleSettings(answered_share=0.3)
GRACE = 300.0


@pytest.fixture
def ledger(tmp_path):
    """A ledger whose first round asks for three frames; nobody has answered."""
    ledger = ledger_with_clip(tmp_path)
    with ledger.owned():
        ledger.begin_round(Settings())
        ledger.put_requests([LabelRequest.of(1, chosen(i, i)) for i in (2, 5, 8)])
        ledger.add_annotator("ann", Role.ANNOTATOR)
        ledger.add_annotator("bo", Role.ANNOTATOR)
        yield ledger


def counts(ledger):
    """(answered, open, in hand) of the first round."""
    waiting = ledger.waiting(1)
    return waiting.answered, waiting.open, waiting.in_hand


def test_it_counts_what_is_answered_open_and_in_hand(ledger):
    assert counts(ledger) == (0, 3, 0)
    task = ledger.claim("ann", 100.0)
    assert counts(ledger) == (0, 3, 1)
    ledger.submit(mask_answer(task.question.request), task.lease, 0)
    assert counts(ledger) == (1, 2, 0)


def test_people_are_asked_when_the_step_that_asks_them_is_done(ledger):
    assert ledger.waiting(1).asked_at is None
    ledger.begin_step(1, "request", "abc")
    assert ledger.waiting(1).asked_at is None
    ledger.finish_step(1, "request", {}, 0.0)
    waiting = ledger.waiting(1)
    assert isinstance(waiting.asked_at, datetime)
    assert timedelta(0) <= waiting.as_of - waiting.asked_at < timedelta(seconds=10)


def test_withdrawn_requests_are_asked_no_more_and_their_frames_are_free(ledger):
    ledger.put_answer(mask_answer(ledger.requests(1)[0]))
    assert ledger.settle(1, ONE_OF_THREE, GRACE).until is Until.NOTHING
    assert counts(ledger) == (1, 0, 0)
    assert [r.frame.frame_idx for r in ledger.requests(1, "expired")] == [5, 8]
    assert ledger.asked_frames(2)["frame_idx"].tolist() == [2]
    assert ledger.claim("ann", 100.0) is None
    assert ledger.settle(1, ONE_OF_THREE, GRACE).until is Until.NOTHING


def test_nothing_is_withdrawn_while_answers_are_waited_for(ledger):
    assert ledger.settle(1, ONE_OF_THREE, GRACE).until is Until.ANSWERED
    assert counts(ledger) == (0, 3, 0)


def test_what_a_round_asks_after_it_was_looked_at_is_kept(tmp_path):
    ledger = ledger_with_clip(tmp_path)
    ledger.begin_round(Settings())
    assert ledger.settle(1, ONE_OF_THREE, GRACE).until is Until.NOTHING
    ledger.put_requests([LabelRequest.of(1, chosen(2))])
    assert ledger.settle(1, ONE_OF_THREE, GRACE).until is Until.ANSWERED
    assert len(ledger.requests(1, "open")) == 1


def test_a_frame_in_hand_may_be_finished(ledger):
    task = ledger.claim("ann", 100.0)
    ledger.put_answer(mask_answer(next(r for r in ledger.requests(1) if r != task.question.request)))
    assert ledger.settle(1, ONE_OF_THREE, GRACE).until is Until.PUT_DOWN
    assert counts(ledger) == (1, 1, 1)
    assert ledger.claim("bo", 100.0) is None
    ledger.submit(mask_answer(task.question.request, "a2"), task.lease, 0)
    assert ledger.settle(1, ONE_OF_THREE, GRACE).until is Until.NOTHING
    assert counts(ledger) == (2, 0, 0)


def test_an_answer_to_what_was_withdrawn_is_refused(ledger):
    task = ledger.claim("ann", 0.0)
    ledger.put_answer(mask_answer(next(r for r in ledger.requests(1) if r != task.question.request)))
    ledger.settle(1, ONE_OF_THREE, GRACE)
    with pytest.raises(StaleLease):
        ledger.submit(mask_answer(task.question.request, "a2"), task.lease, 0)
    assert counts(ledger) == (1, 0, 0)
    assert len(ledger.human_labels()) == 1


def test_the_log_says_who_withdrew_a_request_and_why(ledger):
    ledger.put_answer(mask_answer(ledger.requests(1)[0]))
    ledger.settle(1, ONE_OF_THREE, GRACE)
    why = "1 of 3 requests are answered, enough for a share of 0.3"
    logged = [(line.who, line.subject, line.detail) for line in ledger.audit_log() if line.action == "expire"]
    assert sorted(logged) == [("schedule", request.request_id, why) for request in ledger.requests(1, "expired")]


@pytest.fixture
def answered(tmp_path):
    """Round 1, finished: frames 0 (ann) and 1 (ben); round 2, going on: frame 2 (ann). Nothing is in any of them."""
    ledger = ledger_with_clip(tmp_path)
    for round_id, answers in ((1, {0: "ann", 1: "ben"}), (2, {2: "ann"})):
        ledger.begin_round(Settings())
        for frame_idx, name in answers.items():
            answer(ledger, round_id, frame_idx, name)
        if round_id == 1:
            ledger.finish_round(1, None)
    return ledger


def answer(ledger, round_id, frame_idx, name, revision=1):
    frame = FrameRef(1, frame_idx)
    request = LabelRequest.of(round_id, Selected(frame, frame_idx, 0.5, "why"))
    ledger.put_requests([request])
    answer_id = f"{frame_idx}-{revision}"
    ledger.put_answer(Answer(answer_id, request.request_id, FrameLabel(frame, ()), LabelKind.ABSENT, 3.0, name))


def labelled(ledger):
    """The frames that people labelled, as far as it counts."""
    return [label.frame.frame_idx for label in ledger.human_labels()]


def ids(found):
    return [a.answer_id for a in found]


def test_answers_are_found_by_round_person_and_frame(answered):
    assert ids(answered.standing_answers()) == ["0-1", "1-1", "2-1"]
    assert ids(answered.standing_answers(round_id=1)) == ["0-1", "1-1"]
    assert ids(answered.standing_answers(since_round=2)) == ["2-1"]
    assert ids(answered.standing_answers(annotator="ann")) == ["0-1", "2-1"]
    assert ids(answered.standing_answers(annotator="ann", round_id=1)) == ["0-1"]
    assert ids(answered.standing_answers(frame=FrameRef(1, 1))) == ["1-1"]


def test_a_round_is_taken_back(answered):
    assert answered.withdraw(["0-1", "1-1"], "lea", "wrong class") == 2
    assert labelled(answered) == [2]
    assert ids(answered.standing_answers()) == ["2-1"]
    assert [(e.action, e.subject, e.detail) for e in answered.audit_log() if e.who == "lea"] == [
        ("withdraw", "1-1", "wrong class"), ("withdraw", "0-1", "wrong class"),
    ]  # fmt: skip


def test_doing_it_twice_is_doing_it_once(answered):
    assert answered.withdraw(["0-1", "no such answer"], "lea", "") == 1
    assert answered.withdraw(["0-1"], "lea", "") == 0


def test_an_earlier_revision_counts_again(answered):
    answer(answered, 1, 0, "ben", revision=2)
    answered.withdraw(["0-2"], "lea", "")
    assert labelled(answered) == [0, 1, 2]
    assert ids(answered.standing_answers(frame=FrameRef(1, 0))) == ["0-1"]
    assert [r.frame.frame_idx for r in answered.requests(1, "done")] == [0, 1]


def test_frames_of_finished_rounds_may_be_asked_for_again(answered):
    answered.withdraw(["0-1"], "lea", "")
    assert [r.frame.frame_idx for r in answered.requests(1, "open")] == []
    assert answered.asked_frames(3)["frame_idx"].tolist() == [1, 2]


def test_a_round_that_goes_on_asks_again(answered):
    answered.withdraw(["2-1"], "lea", "")
    assert [r.frame.frame_idx for r in answered.requests(2, "open")] == [2]
    answer(answered, 2, 2, "ben", revision=2)
    assert labelled(answered) == [0, 1, 2]


def test_what_a_finished_round_worked_on_stays(answered):
    as_of = answered.newest_answer_at(2)
    answered.withdraw(["0-1"], "lea", "")
    assert [label.frame.frame_idx for label in answered.human_labels(as_of=as_of)] == [0, 1, 2]
