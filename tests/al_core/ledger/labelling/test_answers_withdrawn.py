"""Answers that are taken back stay stored and no longer count."""

import pytest

from al_core.records import Answer, FrameLabel, FrameRef, LabelKind, LabelRequest, Selected
from al_core.settings import Settings
from tests.toys.ledgers import ledger_with_clip


@pytest.fixture
def ledger(tmp_path):
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


def test_answers_are_found_by_round_person_and_frame(ledger):
    assert ids(ledger.standing_answers()) == ["0-1", "1-1", "2-1"]
    assert ids(ledger.standing_answers(round_id=1)) == ["0-1", "1-1"]
    assert ids(ledger.standing_answers(since_round=2)) == ["2-1"]
    assert ids(ledger.standing_answers(annotator="ann")) == ["0-1", "2-1"]
    assert ids(ledger.standing_answers(annotator="ann", round_id=1)) == ["0-1"]
    assert ids(ledger.standing_answers(frame=FrameRef(1, 1))) == ["1-1"]


def test_a_round_is_taken_back(ledger):
    assert ledger.withdraw(["0-1", "1-1"], "lea", "wrong class") == 2
    assert labelled(ledger) == [2]
    assert ids(ledger.standing_answers()) == ["2-1"]
    assert [(e.action, e.subject, e.detail) for e in ledger.audit_log() if e.who == "lea"] == [
        ("withdraw", "1-1", "wrong class"), ("withdraw", "0-1", "wrong class"),
    ]  # fmt: skip


def test_doing_it_twice_is_doing_it_once(ledger):
    assert ledger.withdraw(["0-1", "no such answer"], "lea", "") == 1
    assert ledger.withdraw(["0-1"], "lea", "") == 0


def test_an_earlier_revision_counts_again(ledger):
    answer(ledger, 1, 0, "ben", revision=2)
    ledger.withdraw(["0-2"], "lea", "")
    assert labelled(ledger) == [0, 1, 2]
    assert ids(ledger.standing_answers(frame=FrameRef(1, 0))) == ["0-1"]
    assert [r.frame.frame_idx for r in ledger.requests(1, "done")] == [0, 1]


def test_frames_of_finished_rounds_may_be_asked_for_again(ledger):
    ledger.withdraw(["0-1"], "lea", "")
    assert [r.frame.frame_idx for r in ledger.requests(1, "open")] == []
    assert ledger.asked_frames(3)["frame_idx"].tolist() == [1, 2]


def test_a_round_that_goes_on_asks_again(ledger):
    ledger.withdraw(["2-1"], "lea", "")
    assert [r.frame.frame_idx for r in ledger.requests(2, "open")] == [2]
    answer(ledger, 2, 2, "ben", revision=2)
    assert labelled(ledger) == [0, 1, 2]


def test_what_a_finished_round_worked_on_stays(ledger):
    as_of = ledger.newest_answer_at(2)
    ledger.withdraw(["0-1"], "lea", "")
    assert [label.frame.frame_idx for label in ledger.human_labels(as_of=as_of)] == [0, 1, 2]
