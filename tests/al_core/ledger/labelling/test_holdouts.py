"""Frames that are held out, and the people who label them."""

import pytest

from al_core.errors import BadLabel
from al_core.ledger.labelling.people import Role
from al_core.ledger.labelling.queue import Purpose
from al_core.settings import Settings
from tests.toys.ledgers import asked, ledger_with_clip, mask_answer


@pytest.fixture
def ledger(tmp_path):
    ledger = ledger_with_clip(tmp_path)
    with ledger.owned():
        ledger.begin_round(Settings())
        ledger.add_annotator("ann", Role.ANNOTATOR)
        yield ledger


def answer_next(ledger):
    task = ledger.claim("ann", 100.0)
    ledger.submit(mask_answer(task.question.request, f"a-{task.question.request.request_id}"), task.lease, 0)
    return task


def test_people_get_them_when_no_round_waits_for_a_label(ledger):
    assert ledger.hold_out(1, range(12), [3, 8], "lead") == 12
    ledger.end_holdout(1, [0], "lead")
    asked(ledger, 0)
    got = [answer_next(ledger).question for _ in range(3)]
    assert [(q.request.frame.frame_idx, q.purpose) for q in got] == [
        (0, Purpose.LABEL),
        (3, Purpose.HOLDOUT),
        (8, Purpose.HOLDOUT),
    ]
    assert ledger.claim("ann", 100.0) is None


def test_their_answers_teach_nobody_and_hold_up_no_round(ledger):
    ledger.hold_out(1, [3, 8], [3, 8], "lead")
    assert ledger.waiting(1).open == 0
    answer_next(ledger)
    assert ledger.human_labels() == []
    assert [x.frame.frame_idx for x in ledger.human_labels(purpose="holdout")] == [3]
    assert [(h.frames, h.asked, h.answered) for h in ledger.held_out()] == [(2, 2, 1)]
    counts = ledger.queue_counts("ann")
    assert (counts.open, counts.done, counts.mine) == (1, 1, 1)


def test_what_was_done_before_the_round_is_not_of_todays_work(ledger):
    ledger.hold_out(1, [3, 8], [3, 8], "lead")
    answer_next(ledger)
    ledger.finish_round(1, None)
    ledger.begin_round(Settings())
    assert ledger.queue_counts("ann").done == 0
    answer_next(ledger)
    assert ledger.queue_counts("ann").done == 1


def test_what_the_loop_knows_or_asks_for_cannot_be_held_out(ledger):
    _, answered = asked(ledger, 3, 8)
    ledger.put_answer(mask_answer(answered))
    with pytest.raises(BadLabel, match="the loop learns from labels of the frames 8, so"):
        ledger.hold_out(1, range(12), [], "lead")
    with pytest.raises(BadLabel, match="people are asked for the frames 3, so"):
        ledger.hold_out(1, range(5), [], "lead")
    assert ledger.held_out() == []


def test_held_out_twice_is_once(ledger):
    ledger.hold_out(1, [3, 8], [3], "lead")
    assert ledger.hold_out(1, [3, 9], [3], "lead") == 1
    answer_next(ledger)
    ledger.hold_out(1, [3], [3], "lead")
    assert ledger.claim("ann", 100.0) is None


def test_ended_it_asks_and_measures_no_more(ledger):
    ledger.hold_out(1, [3, 8], [3, 8], "lead")
    answer_next(ledger)
    assert ledger.end_holdout(1, None, "lead") == 2
    assert ledger.human_labels(purpose="holdout") == []
    assert ledger.claim("ann", 100.0) is None
    assert ledger.held_out() == []
    ledger.hold_out(1, [3, 8], [3, 8], "lead")
    assert [x.frame.frame_idx for x in ledger.human_labels(purpose="holdout")] == [3]
    assert ledger.claim("ann", 100.0).question.request.frame.frame_idx == 8


def test_an_answer_that_is_taken_back_is_asked_for_again(ledger):
    ledger.hold_out(1, [3], [3], "lead")
    answer_next(ledger)
    ledger.withdraw([ledger.standing_answers()[0].answer_id], "lead", "")
    assert ledger.claim("ann", 100.0).question.request.frame.frame_idx == 3


def test_they_are_requests_of_a_purpose_of_their_own(ledger):
    ledger.hold_out(1, [3, 8], [8, 3], "lead")
    assert ledger.requests() == []
    found = ledger.requests(status="open", purpose="holdout")
    assert [(r.request_id, r.round_id, r.frame.frame_idx) for r in found] == [
        ("holdout-v00001-f0000008", 0, 8),
        ("holdout-v00001-f0000003", 0, 3),
    ]
