"""Times come from the clock that a ledger was given, and answers keep their order when it is put back."""

from datetime import datetime, timedelta

import pytest

from al_core.ledger.file.ledger_clock import system_time, time_of_session
from al_core.ledger.store import Ledger
from al_core.records import LabelRequest
from al_core.settings import Settings
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer

NOON = datetime(2026, 1, 1, 12)


class Clock:
    """Shows what it is set to."""

    def __init__(self):
        self.time = NOON

    def __call__(self):
        return self.time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(tmp_path, clock):
    """A queue of two frames for two people."""
    ledger = Ledger(ledger_with_clip(tmp_path).path, clock=clock)
    ledger.add_annotator("ann")
    ledger.add_annotator("bo")
    ledger.begin_round(Settings())
    ledger.put_requests([LabelRequest.of(1, chosen(i, i)) for i in (3, 7)])
    return ledger


def test_the_clock_holds_for_its_ledger_only(ledger, clock):
    assert ledger.rounds()[0].started_at == NOON
    assert abs(time_of_session() - system_time()) < timedelta(seconds=60)


def test_what_comes_in_after_a_round_was_complete_is_later_even_if_the_clock_was_put_back(ledger, clock):
    first, second = ledger.requests(1)
    ledger.put_answer(mask_answer(first, "a"))
    as_of = ledger.newest_answer_at(1)
    assert as_of == NOON
    clock.time = NOON - timedelta(days=366)
    ledger.put_answer(mask_answer(second, "b"))
    assert ledger.newest_answer_at(1) == NOON + timedelta(microseconds=1)
    assert [label.frame.frame_idx for label in ledger.human_labels(as_of=as_of)] == [3]


def test_an_answer_that_is_taken_back_later_still_counted_then(ledger, clock):
    task = ledger.claim("ann", 60.0)
    submitted = ledger.submit(mask_answer(task.question.request, "a"), task.lease, 0)
    as_of = ledger.newest_answer_at(1)
    clock.time = NOON - timedelta(hours=1)
    ledger.undo(submitted.answer_id, "ann", within=60.0, seconds=60.0)
    assert ledger.human_labels() == []
    assert len(ledger.human_labels(as_of=as_of)) == 1


def test_a_lease_from_a_clock_that_was_ahead_keeps_nobody_waiting(ledger, clock):
    clock.time = NOON + timedelta(days=366)
    held = {ledger.claim("ann", 60.0).question.request.request_id}
    clock.time = NOON
    held.add(ledger.claim("bo", 60.0).question.request.request_id)
    assert len(held) == 1
    clock.time = NOON + timedelta(seconds=1)
    ledger.add_annotator("cy")
    assert ledger.claim("cy", 60.0).question.request.request_id not in held


def test_a_clock_that_is_put_right_by_seconds_takes_no_frame_away(ledger, clock):
    clock.time = NOON + timedelta(seconds=30)
    held = ledger.claim("ann", 60.0).question.request.request_id
    clock.time = NOON
    assert ledger.claim("bo", 60.0).question.request.request_id != held
