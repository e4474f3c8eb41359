import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from al_core.errors import BadLabel, StaleLease, UnknownName
from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.records import FrameRef, LabelKind, LabelRequest
from tests.toys.labelling.asking import LEASE, MASKS, Clock, answer, claim
from tests.toys.ledgers import asked, chosen, mask_answer, square


class TestAnswers:
    def test_an_answer_ends_the_lease_and_labels_the_frame(self, ledger):
        asked(ledger, 7, 3)
        claim(ledger, "ada")
        stored = answer(ledger, "ada")
        assert (stored.revision, stored.round_id, stored.left) == (1, 1, 1)
        assert [label.frame.frame_idx for label in ledger.human_labels()] == [7]
        assert claim(ledger, "ada") == 3
        assert ledger.queue_counts("ada").mine == 1

    def test_the_same_answer_twice_is_acknowledged_twice_and_stored_once(self, ledger):
        (request,) = asked(ledger, 7)
        task = ledger.claim("ada", LEASE)
        given = replace(mask_answer(request), annotator="ada")
        first = ledger.submit(given, task.lease, 0)
        assert ledger.submit(given, task.lease, 0) == first
        assert ledger.human_effort() == [(1, 1, 80.0)]

    def test_the_id_of_another_answer_is_refused(self, ledger):
        asked(ledger, 7, 3)
        claim(ledger, "ada")
        claim(ledger, "bo")
        answer(ledger, "ada", "same")
        with pytest.raises(BadLabel, match="belongs to another answer"):
            answer(ledger, "bo", "same")

    def test_an_answer_that_comes_too_late_is_refused_and_told_who_has_the_frame(self, ledger, clock):
        (request,) = asked(ledger, 7)
        late = ledger.claim("ada", LEASE)
        clock.forward(LEASE + 5)
        claim(ledger, "bo")
        given = replace(mask_answer(request, "late"), annotator="ada")
        with pytest.raises(StaleLease, match="bo has this frame in hand now") as refused:
            ledger.submit(given, late.lease, 0)
        assert refused.value.owner == "bo"
        answer(ledger, "bo", "a2")
        with pytest.raises(StaleLease, match="bo answered this frame") as refused:
            ledger.submit(given, late.lease, 0)
        assert refused.value.owner == "bo"
        assert [g.answer.answer_id for g in ledger.answers_given()] == ["a2"]

    def test_the_lease_of_another_person_does_not_help(self, ledger):
        (request,) = asked(ledger, 7)
        task = ledger.claim("ada", LEASE)
        with pytest.raises(StaleLease):
            ledger.submit(replace(mask_answer(request), annotator="bo"), task.lease, 0)

    def test_a_drawing_on_an_older_revision_is_refused(self, ledger):
        (request,) = asked(ledger, 7)
        claim(ledger, "ada")
        answer(ledger, "ada", "first")
        task = ledger.undo("first", "ada", 60, LEASE)
        assert task.base_revision == 1
        with pytest.raises(StaleLease, match="was answered since"):
            ledger.submit(replace(mask_answer(request, "second"), annotator="ada"), task.lease, 0)

    def test_an_unknown_request_is_refused(self, ledger):
        (request,) = asked(ledger, 7)
        unknown = replace(mask_answer(request), request_id="r9", annotator="ada")
        with pytest.raises(UnknownName, match="unknown request 'r9'"):
            ledger.submit(unknown, "x", 0)

    def test_a_mask_of_another_size_leaves_the_lease_as_it_was(self, ledger):
        (request,) = asked(ledger, 7)
        task = ledger.claim("ada", LEASE)
        wide = replace(square(), width=5)
        with pytest.raises(BadLabel, match="4x4 pixels"):
            ledger.submit(replace(mask_answer(request, rle=wide), annotator="ada"), task.lease, 0)
        assert ledger.task_of("ada").lease == task.lease

    def test_seconds_of_answers_are_prices(self, ledger):
        asked(ledger, 7, 3)
        claim(ledger, "ada")
        answer(ledger, "ada", "a1", seconds=12.5)
        claim(ledger, "ada")
        answer(ledger, "ada", "a2", kind=LabelKind.ACCEPT, seconds=1.5)
        assert ledger.answer_times() == [(LabelKind.MASK, 12.5, 1), (LabelKind.ACCEPT, 1.5, 1)]


class TestLooks:
    def looks(self, ledger, name, most=12):
        return [task.question.request.frame.frame_idx for task in ledger.claim_looks(name, LEASE, most)]

    @pytest.fixture
    def asked_for(self, ledger):
        """Frames 7 to 10 are asked for a yes or no, frame 3 for masks."""
        requests = [LabelRequest.of(1, chosen(i, rank)) for rank, i in enumerate((7, 8, 3, 9, 10))]
        ledger.put_requests([replace(r, kind=LabelKind.ACCEPT) if r.frame.frame_idx != 3 else r for r in requests])

    def test_who_has_a_look_in_hand_gets_others_that_nobody_has(self, ledger, asked_for):
        assert claim(ledger, "bo") == 7
        assert claim(ledger, "ada") == 8
        assert self.looks(ledger, "ada", 2) == [8, 9]
        assert self.looks(ledger, "ada") == [8, 9, 10]
        assert self.looks(ledger, "bo") == [7]

    def test_each_is_answered_with_its_own_lease(self, ledger, asked_for):
        claim(ledger, "ada")
        for task in ledger.claim_looks("ada", LEASE, 2):
            request = task.question.request
            given = replace(mask_answer(request, request.request_id), annotator="ada", kind=LabelKind.ACCEPT)
            ledger.submit(given, task.lease, task.base_revision)
        assert [label.frame.frame_idx for label in ledger.human_labels()] == [7, 8]
        assert self.looks(ledger, "ada") == []

    def test_who_has_another_question_in_hand_or_none_gets_no_looks(self, ledger, asked_for):
        assert self.looks(ledger, "ada") == []
        for name in ("ada", "bo"):
            assert claim(ledger, name) in (7, 8)
        answer(ledger, "ada")
        assert claim(ledger, "ada") == 3
        assert self.looks(ledger, "ada") == []


class TestUndo:
    def test_the_frame_comes_back_as_it_was_drawn_with_the_time_spent(self, ledger):
        asked(ledger, 7, 3)
        claim(ledger, "ada")
        answer(ledger, "ada", seconds=12.5)
        assert claim(ledger, "ada") == 3
        task = ledger.undo("a1", "ada", 60, LEASE)
        assert task.question.request.frame == FrameRef(1, 7)
        assert (task.draft.masks, task.draft.seconds) == (MASKS, 12.5)
        assert ledger.requests(1, "open")[0].frame.frame_idx == 7
        assert claim(ledger, "bo") == 3

    def test_an_answer_that_was_taken_back_does_not_count_but_stays(self, ledger):
        asked(ledger, 7)
        claim(ledger, "ada")
        answer(ledger, "ada")
        before = ledger.newest_answer_at(1)
        ledger.undo("a1", "ada", 60, LEASE)
        assert ledger.human_labels() == []
        assert ledger.human_effort() == []
        assert len(ledger.human_labels(as_of=before)) == 1
        assert ledger.newest_answer_at(1) > before
        assert answer(ledger, "ada", "a2").revision == 2
        assert ledger.human_effort() == [(1, 1, 80.0)]

    def test_undoing_twice_is_undoing_once(self, ledger):
        asked(ledger, 7)
        claim(ledger, "ada")
        answer(ledger, "ada")
        first = ledger.undo("a1", "ada", 60, LEASE)
        assert ledger.undo("a1", "ada", 60, LEASE).lease == first.lease

    def test_after_a_minute_it_is_too_late(self, ledger, clock):
        asked(ledger, 7)
        claim(ledger, "ada")
        answer(ledger, "ada")
        clock.forward(61)
        with pytest.raises(StaleLease, match="for 60 s"):
            ledger.undo("a1", "ada", 60, LEASE)

    def test_other_peoples_answers_cannot_be_taken_back(self, ledger):
        asked(ledger, 7)
        claim(ledger, "ada")
        answer(ledger, "ada")
        with pytest.raises(UnknownName, match="unknown answer 'a1'"):
            ledger.undo("a1", "bo", 60, LEASE)


class TestSettingAside:
    def test_a_skipped_frame_goes_to_others(self, ledger):
        asked(ledger, 7, 3)
        task = ledger.claim("ada", LEASE)
        ledger.skip(task.question.request.request_id, "ada", task.lease, "too dark")
        assert [claim(ledger, "ada"), claim(ledger, "bo")] == [3, 7]

    def test_what_everybody_skipped_is_the_leads(self, ledger):
        (request,) = asked(ledger, 7)
        ledger.add_annotator("lea", Role.LEAD)
        for name in ("ada", "bo", "lea"):
            task = ledger.claim(name, LEASE)
            ledger.skip(request.request_id, name, task.lease, "too dark")
        assert ledger.set_aside(request.request_id)[-1] == ("", "flag", "everybody skipped it")
        assert ledger.flagged() == 1
        assert [claim(ledger, "ada"), claim(ledger, "lea")] == [None, 7]

    def test_a_flagged_frame_is_the_leads_and_comes_first(self, ledger):
        requests = asked(ledger, 7, 3)
        ledger.add_annotator("lea", Role.LEAD)
        claim(ledger, "ada")
        task = ledger.claim("bo", LEASE)
        ledger.flag(requests[1].request_id, "bo", task.lease, "is this a car?")
        ledger.release(requests[0].request_id, "ada", ledger.task_of("ada").lease)
        assert [claim(ledger, "lea"), claim(ledger, "bo"), claim(ledger, "ada")] == [3, 7, None]

    def test_a_dropped_frame_is_not_waited_for(self, ledger):
        requests = asked(ledger, 7, 3)
        ledger.add_annotator("lea", Role.LEAD)
        task = ledger.claim("lea", LEASE)
        assert ledger.drop(requests[0].request_id, "lea", task.lease, "black frame").left == 1
        assert ledger.requests(1, "open") == requests[1:]
        assert ledger.requests(1, "dropped") == requests[:1]
        with pytest.raises(StaleLease, match="not asked for any more"):
            ledger.renew(requests[0].request_id, "lea", task.lease, LEASE)


class TestAhead:
    def test_open_requests_give_way_unless_somebody_has_them(self, ledger, clock):
        done, held, abandoned, free = asked(ledger, 7, 3, 5, 1, round_id=2)
        ledger.add_annotator("cyd")
        claim(ledger, "cyd")
        answer(ledger, "cyd")
        claim(ledger, "ada")
        claim(ledger, "bo")
        clock.forward(LEASE - 5)
        ledger.renew(held.request_id, "ada", ledger.task_of("ada").lease, LEASE)
        clock.forward(10)
        assert ledger.replace_requests(2) == ledger.requests(2) == [done, held]
        assert ledger.asked_frames(3)["frame_idx"].tolist() == [3, 7]
        with pytest.raises(StaleLease, match="not asked for any more"):
            ledger.renew(abandoned.request_id, "bo", "x", LEASE)
        assert claim(ledger, "bo") is None
        again = replace(free, rank=0, reason="the new model asks too")
        assert ledger.put_requests([held, again]) == 1
        assert ledger.requests(2, "open") == [again, held]
        assert claim(ledger, "bo") == 1


class Queue(RuleBasedStateMachine):
    """Two people and a lead at random; what was acknowledged stays, and nobody shares a frame."""

    people = st.sampled_from(["ada", "bo", "lea"])

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        path = Path(shutil.copy(self.prepared, self.folders.mktemp("queue")))
        self.ledger = Ledger(path, patience=5, clock=self.clock)
        self.owning = self.ledger.owned()
        self.owning.__enter__()
        self.ledger.add_annotator("lea", Role.LEAD)
        asked(self.ledger, 7, 3, 5)
        self.hands = {}
        self.acknowledged = {}

    def teardown(self):
        self.owning.__exit__(None, None, None)

    @rule(name=people)
    def claim(self, name):
        task = self.ledger.claim(name, LEASE)
        if task is not None:
            self.hands[name] = task

    @rule(seconds=st.sampled_from([10, 200, 400]))
    def wait(self, seconds):
        self.clock.forward(seconds)

    @precondition(lambda self: self.hands)
    @rule(name=people, how=st.sampled_from(["submit", "skip", "flag", "release", "renew", "draft"]))
    def act(self, name, how):
        task = self.hands.get(name)
        if task is None:
            return
        request_id = task.question.request.request_id
        answer_id = f"{name}-{task.lease}"
        try:
            if how == "submit":
                given = replace(mask_answer(task.question.request, answer_id), annotator=name)
                self.acknowledged[answer_id] = self.ledger.submit(given, task.lease, task.base_revision).revision
            elif how == "renew":
                self.ledger.renew(request_id, name, task.lease, LEASE)
            elif how == "draft":
                self.ledger.save_draft(request_id, name, task.lease, MASKS, 1.0)
            elif how == "release":
                self.ledger.release(request_id, name, task.lease)
            else:
                getattr(self.ledger, how)(request_id, name, task.lease, "why")
        except StaleLease:
            assert answer_id not in self.acknowledged or how != "submit"

    @rule(name=people)
    def undo(self, name):
        for answer_id in self.acknowledged:
            if answer_id.startswith(name):
                try:
                    self.hands[name] = self.ledger.undo(answer_id, name, 60, LEASE)
                except StaleLease:
                    continue
                return

    @invariant()
    def what_was_acknowledged_is_stored_once(self):
        with self.ledger._connector.session() as connection:
            stored = connection.execute("SELECT answer_id, revision FROM answer").fetchall()
        assert sorted(stored) == sorted(self.acknowledged.items())

    @invariant()
    def nobody_shares_a_frame(self):
        tasks = [self.ledger.task_of(name) for name in ("ada", "bo", "lea")]
        held = [task.question.request.request_id for task in tasks if task is not None]
        assert len(set(held)) == len(held)

    @invariant()
    def a_request_is_done_when_it_has_an_answer_that_counts(self):
        done = {r.request_id for r in self.ledger.requests(status="done")}
        assert done == {g.answer.request_id for g in self.ledger.answers_given()}


def test_whatever_people_do(tmp_path_factory, prepared):
    Queue.folders, Queue.prepared = tmp_path_factory, prepared
    machine = Queue.TestCase
    machine.settings = settings(
        max_examples=6, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )
    machine().runTest()
