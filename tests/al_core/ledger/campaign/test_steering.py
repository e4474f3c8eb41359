"""Other settings for an unfinished round, rounds that are given up, and pauses."""

import pytest

from al_core.errors import LedgerConflict, NotReady, StaleLease, UnknownName
from al_core.ledger.labelling.leases import Purpose
from al_core.records import LabelRequest
from al_core.settings import Settings, StoredSettings
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer


@pytest.fixture
def ledger(tmp_path):
    """A ledger with one clip and ann, who labels."""
    ledger = ledger_with_clip(tmp_path)
    ledger.add_annotator("ann")
    return ledger


def ask(ledger, round_id, *frames):
    """Ask for frames; returns their requests."""
    requests = [LabelRequest.of(round_id, chosen(frame, rank)) for rank, frame in enumerate(frames)]
    ledger.put_requests(requests)
    return requests


def labelled(ledger, **limits):
    return [label.frame.frame_idx for label in ledger.human_labels(**limits)]


class TestSettings:
    def test_what_was_asked_for_last_is_wanted(self, ledger):
        assert (ledger.wanted(), ledger.last_source()) == (None, "")
        ledger.want(Settings(seed=1), "nightly")
        ledger.want(Settings(seed=2))
        assert (ledger.wanted(), ledger.last_source()) == (Settings(seed=2), "nightly")

    def test_steps_that_are_done_keep_their_settings_and_others_take_the_new_ones(self, ledger):
        ledger.begin_round(Settings(seed=1))
        ledger.begin_step(1, "select", "a")
        ledger.finish_step(1, "select", {}, 1.0, StoredSettings(Settings(seed=1).to_json()))
        ledger.begin_step(1, "train", "b")
        ledger.fail_step(1, "train", "no such file")
        ledger.change_round(1, Settings(seed=2), "eve", ["seed"])
        assert ledger.step_settings(1, "select").settings == Settings(seed=1)
        assert ledger.step_settings(1, "train").settings == ledger.round(1).settings == Settings(seed=2)
        assert ledger.audit_log(1)[0].detail == "seed"

    def test_a_step_that_an_early_version_finished_keeps_the_settings_of_its_round(self, ledger):
        ledger.begin_round(Settings(seed=1))
        ledger.begin_step(1, "select", "a")
        ledger.finish_step(1, "select", {}, 1.0)
        with ledger._connector.transaction() as connection:
            connection.execute("UPDATE step SET settings = NULL")
        ledger.change_round(1, Settings(seed=2), "eve", ["seed"])
        ledger.change_round(1, Settings(seed=3), "eve", ["seed"])
        assert ledger.step_settings(1, "select").settings == Settings(seed=1)

    def test_a_step_that_is_repaired_keeps_its_settings(self, ledger):
        ledger.begin_round(Settings(seed=1))
        ledger.begin_step(1, "train", "a")
        ledger.finish_step(1, "train", {}, 1.0)
        ledger.reopen_step(1, "train")
        ledger.change_round(1, Settings(seed=2), "eve", ["seed"])
        ledger.begin_step(1, "train", "a")
        assert ledger.step_settings(1, "train").settings == Settings(seed=1)

    def test_a_finished_round_keeps_its_settings(self, ledger):
        ledger.begin_round(Settings(seed=1))
        ledger.finish_round(1, None)
        with pytest.raises(LedgerConflict, match="round 1 is not under way"):
            ledger.change_round(1, Settings(seed=2), "eve", ["seed"])


class TestAbandon:
    def test_answers_are_labels_of_the_next_round_and_what_is_open_is_not_asked(self, ledger):
        ledger.begin_round(Settings())
        first, _ = ask(ledger, 1, 3, 8)
        ledger.put_checks([LabelRequest.of(1, chosen(5))], Purpose.AGREEMENT, [first.request_id])
        ledger.put_answer(mask_answer(first, "a1"))
        done = ledger.abandon_round("eve")
        assert (done.round_id, done.answers, done.open, done.in_hand) == (1, 1, 1, 0)
        assert (ledger.round(1).status, ledger.requests(1, "open")) == ("abandoned", [])
        assert ledger.claim("ann", 60.0) is None
        assert ledger.begin_round(Settings(seed=2)).round_id == 2
        assert (ledger.round_before(2), labelled(ledger, up_to_round=1)) == (0, [3])
        assert ledger.asked_frames(2)["frame_idx"].tolist() == [3]

    def test_who_has_a_frame_in_hand_may_finish_it(self, ledger):
        ledger.begin_round(Settings())
        ask(ledger, 1, 3, 8)
        task = ledger.claim("ann", 60.0)
        held = (task.question.request.request_id, "ann", task.lease)
        assert ledger.abandon_round("eve").in_hand == 1
        assert ledger.renew(*held, 60.0) is False
        ledger.save_draft(*held, [], 4.0)
        assert ledger.claim("ann", 60.0).lease == task.lease
        ledger.begin_round(Settings())
        ask(ledger, 2, 8)
        ledger.submit(mask_answer(task.question.request, "a1"), task.lease, 0)
        assert labelled(ledger, up_to_round=2) == [3]
        assert ledger.claim("ann", 60.0).question.request.round_id == 2

    def test_an_answer_is_stored_after_its_lease_has_expired_too(self, ledger):
        ledger.begin_round(Settings())
        ask(ledger, 1, 3)
        task = ledger.claim("ann", 0.0)
        ledger.abandon_round("eve")
        assert ledger.claim("ann", 60.0) is None
        ledger.submit(mask_answer(task.question.request, "a1"), task.lease, 0)
        assert labelled(ledger) == [3]

    def test_who_has_no_frame_in_hand_is_told_why_it_is_refused(self, ledger):
        ledger.begin_round(Settings())
        (request,) = ask(ledger, 1, 3)
        ledger.abandon_round("eve")
        with pytest.raises(StaleLease, match="round 1 was abandoned"):
            ledger.submit(mask_answer(request, "a1"), "guessed", 0)

    def test_an_answer_from_a_label_file_still_counts(self, ledger):
        ledger.begin_round(Settings())
        (request,) = ask(ledger, 1, 3)
        ledger.abandon_round("eve")
        assert ledger.put_answer(mask_answer(request, "a1"))
        assert labelled(ledger) == [3]
        assert ledger.asked_frames(2)["frame_idx"].tolist() == [3]

    def test_an_answer_cannot_be_undone_afterwards(self, ledger):
        ledger.begin_round(Settings())
        ask(ledger, 1, 3)
        task = ledger.claim("ann", 60.0)
        ledger.submit(mask_answer(task.question.request, "a1"), task.lease, 0)
        ledger.abandon_round("eve")
        with pytest.raises(StaleLease, match="was abandoned since; the answer stays"):
            ledger.undo("a1", "ann", 60.0, 60.0)

    def test_what_it_delivered_is_passed_over(self, ledger):
        for round_id in (1, 2):
            ledger.begin_round(Settings())
            ledger.put_delivered(round_id, 1, f"{round_id}.parquet", 12, [])
            if round_id == 1:
                ledger.finish_round(1, None)
        assert ledger.last_delivered_round() == 2
        ledger.abandon_round("eve")
        assert (ledger.last_delivered_round(), ledger.round_before(3)) == (1, 1)

    def test_frames_asked_ahead_give_way_unless_somebody_has_one(self, ledger):
        ledger.begin_round(Settings())
        ask(ledger, 2, 3, 8)
        held = ledger.claim("ann", 60.0).question.request
        ledger.abandon_round("eve")
        assert [r.request_id for r in ledger.requests(2)] == [held.request_id]

    def test_a_run_that_is_still_at_work_can_neither_begin_a_step_nor_ask_nor_finish_the_round(self, ledger):
        ledger.begin_round(Settings())
        ledger.abandon_round("eve")
        with pytest.raises(LedgerConflict, match="round 1 was abandoned"):
            ledger.begin_step(1, "train", "a")
        with pytest.raises(LedgerConflict, match="round 1 was abandoned"):
            ask(ledger, 1, 3)
        ledger.finish_round(1, None)
        assert ledger.round(1).status == "abandoned"

    def test_only_a_round_under_way_can_be_abandoned(self, ledger):
        with pytest.raises(NotReady, match="no round is under way"):
            ledger.abandon_round("eve")


class TestPause:
    def test_no_frame_is_handed_out_and_a_frame_in_hand_is_kept(self, ledger):
        ledger.begin_round(Settings())
        ask(ledger, 1, 3, 8)
        ledger.add_annotator("bob")
        held = ledger.claim("ann", 60.0)
        pause = ledger.pause("eve")
        assert (ledger.paused(), pause.who) == (pause, "eve")
        assert ledger.claim("bob", 60.0) is None
        assert ledger.claim("ann", 60.0).lease == held.lease
        ledger.submit(mask_answer(held.question.request, "a1"), held.lease, 0)
        assert ledger.claim("ann", 60.0) is None
        assert ledger.resume("ann") == pause
        assert ledger.paused() is None
        assert ledger.claim("bob", 60.0) is not None

    def test_pausing_twice_is_pausing_once(self, ledger):
        assert ledger.pause("eve") == ledger.pause("ann")
        assert ledger.resume("ann") is not None
        assert ledger.resume("ann") is None


class TestPins:
    def train(self, ledger, *rounds):
        for round_id in rounds:
            ledger.begin_round(Settings())
            ledger.begin_step(round_id, "train", "a")
            ledger.finish_step(round_id, "train", {}, 1.0)
            ledger.finish_round(round_id, None)

    def test_the_last_pin_holds_until_it_is_taken_out(self, ledger):
        assert ledger.pinned_student() is None
        self.train(ledger, 1, 2, 3)
        ledger.pin_student(2, "eve")
        ledger.pin_student(1, "eve")
        assert ledger.pinned_student() == 1
        ledger.pin_student(None, "eve")
        assert ledger.pinned_student() is None
        assert [(e.who, e.action, e.detail) for e in ledger.audit_log(3)] == [
            ("eve", "pin", "the newest"),
            ("eve", "pin", "round 1"),
            ("eve", "pin", "round 2"),
        ]

    def test_a_round_goes_by_the_pin_that_held_when_it_began(self, ledger):
        self.train(ledger, 1, 2)
        ledger.pin_student(1, "eve")
        ledger.begin_round(Settings())
        ledger.pin_student(2, "eve")
        assert [ledger.pinned_student(round_id) for round_id in (1, 2, 3, 4)] == [None, None, 1, None]
        assert ledger.pinned_student() == 2

    def test_only_a_round_with_a_student_can_be_pinned(self, ledger):
        self.train(ledger, 1)
        ledger.begin_round(Settings())
        with pytest.raises(UnknownName, match="unknown round with a student '2'; known: 1"):
            ledger.pin_student(2, "eve")
        ledger.begin_step(2, "train", "a")
        ledger.finish_step(2, "train", {}, 1.0)
        ledger.abandon_round("eve")
        with pytest.raises(UnknownName, match="'2'; known: 1"):
            ledger.pin_student(2, "eve")
