import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from al_core.errors import BadLabel, StaleLease, UnknownName
from al_core.ledger.labelling import labels, leases, queue
from al_core.ledger.labelling.people import Role
from al_core.ledger.labelling.queue import Purpose
from al_core.ledger.operations import now
from al_core.ledger.store import Ledger
from al_core.records import FrameRef, LabelKind, LabelRequest, MaskLabel
from al_core.settings import Settings
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer, square

LEASE = 300.0
MASKS = (MaskLabel(1, 1, square()),)


class Clock:
    """What the queue takes for the time."""

    def __init__(self, patch):
        self.ahead = timedelta()
        for module in (leases, queue):
            patch.setattr(module, "now", lambda: now() + self.ahead)

    def forward(self, seconds):
        self.ahead += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The file of a ledger with a clip and two people, to be copied."""
    ledger = ledger_with_clip(tmp_path_factory.mktemp("prepared"))
    with ledger.owned():
        for name in ("ada", "bo"):
            ledger.add_annotator(name)
    return ledger.path


@pytest.fixture
def ledger(tmp_path, prepared):
    ledger = Ledger(Path(shutil.copy(prepared, tmp_path)), patience=5)
    with ledger.owned():
        yield ledger


def ask(ledger, *frame_indices, round_id=1):
    """Requests of a round for these frames, in this order."""
    requests = [LabelRequest.of(round_id, chosen(i, rank)) for rank, i in enumerate(frame_indices)]
    ledger.put_requests(requests)
    return requests


def claim(ledger, name):
    """The frame number that somebody gets, or None."""
    task = ledger.claim(name, LEASE)
    return None if task is None else task.question.request.frame.frame_idx


def answer(ledger, name, answer_id="a1", **changes):
    """Somebody answers what is in hand."""
    task = ledger.task_of(name)
    given = replace(mask_answer(task.question.request, answer_id), annotator=name, **changes)
    return ledger.submit(given, task.lease, task.base_revision)


class TestClaims:
    def test_frames_go_out_by_rank_and_to_one_person_each(self, ledger):
        ask(ledger, 7, 3, 5)
        assert [claim(ledger, name) for name in ("ada", "bo", "ada")] == [7, 3, 7]

    def test_earlier_rounds_come_first(self, ledger):
        ask(ledger, 2, round_id=2)
        ask(ledger, 8, round_id=1)
        assert claim(ledger, "ada") == 8

    def test_nothing_is_left_when_all_is_out(self, ledger):
        ask(ledger, 7)
        assert [claim(ledger, "ada"), claim(ledger, "bo")] == [7, None]

    def test_the_same_task_comes_again_after_a_reload(self, ledger):
        ask(ledger, 7, 3)
        first, again = ledger.claim("ada", LEASE), ledger.claim("ada", LEASE)
        assert (again.question, again.lease) == (first.question, first.lease)
        assert again.seconds_left == pytest.approx(LEASE, abs=5)
        assert ledger.task_of("ada").question == first.question

    def test_an_abandoned_frame_goes_to_the_next_person(self, ledger, clock):
        ask(ledger, 7)
        claim(ledger, "ada")
        clock.forward(LEASE - 5)
        assert claim(ledger, "bo") is None
        clock.forward(10)
        assert claim(ledger, "bo") == 7
        assert ledger.task_of("ada") is None

    def test_a_renewed_lease_lasts(self, ledger, clock):
        (request,) = ask(ledger, 7)
        task = ledger.claim("ada", LEASE)
        clock.forward(LEASE - 5)
        ledger.renew(request.request_id, "ada", task.lease, LEASE)
        clock.forward(LEASE - 5)
        assert claim(ledger, "bo") is None

    def test_a_lease_that_ran_out_still_holds_while_nobody_took_the_frame(self, ledger, clock):
        ask(ledger, 7)
        claim(ledger, "ada")
        clock.forward(LEASE + 5)
        assert answer(ledger, "ada").revision == 1

    def test_a_released_frame_is_free_and_its_draft_stays(self, ledger):
        (request, _) = ask(ledger, 7, 3)
        task = ledger.claim("ada", LEASE)
        ledger.save_draft(request.request_id, "ada", task.lease, MASKS, 4.5)
        ledger.release(request.request_id, "ada", task.lease)
        assert claim(ledger, "bo") == 7
        assert ledger.task_of("bo").draft is None
        ledger.release(request.request_id, "bo", ledger.task_of("bo").lease)
        draft = ledger.claim("ada", LEASE).draft
        assert (draft.masks, draft.seconds) == (MASKS, 4.5)

    def test_a_frame_with_a_draft_of_ones_own_comes_first(self, ledger):
        requests = ask(ledger, 7, 3)
        claim(ledger, "bo")
        task = ledger.claim("ada", LEASE)
        ledger.save_draft(requests[1].request_id, "ada", task.lease, MASKS, 1.0)
        ledger.release(requests[1].request_id, "ada", task.lease)
        ledger.release(requests[0].request_id, "bo", ledger.task_of("bo").lease)
        assert claim(ledger, "ada") == 3

    def test_strangers_and_people_without_access_get_nothing(self, ledger):
        ask(ledger, 7)
        claim(ledger, "ada")
        ledger.revoke_annotator("ada")
        for name in ("ada", "nobody"):
            with pytest.raises(UnknownName, match="unknown annotator"):
                ledger.claim(name, LEASE)
        assert claim(ledger, "bo") == 7

    def test_the_task_tells_what_the_page_says(self, ledger):
        ledger.put_selection(1, "value", [replace(chosen(7), control=True)])
        (request,) = ask(ledger, 7)
        task = ledger.claim("ada", LEASE)
        assert task.question == ledger.question(request.request_id)
        assert (task.question.request, task.question.original) == (request, request)
        assert (task.question.purpose, task.control, task.base_revision) == (Purpose.LABEL, True, 0)


class TestAnswers:
    def test_an_answer_ends_the_lease_and_labels_the_frame(self, ledger):
        ask(ledger, 7, 3)
        claim(ledger, "ada")
        stored = answer(ledger, "ada")
        assert (stored.revision, stored.round_id, stored.left) == (1, 1, 1)
        assert [label.frame.frame_idx for label in ledger.human_labels()] == [7]
        assert claim(ledger, "ada") == 3
        assert ledger.queue_counts("ada").mine == 1

    def test_the_same_answer_twice_is_acknowledged_twice_and_stored_once(self, ledger):
        (request,) = ask(ledger, 7)
        task = ledger.claim("ada", LEASE)
        given = replace(mask_answer(request), annotator="ada")
        first = ledger.submit(given, task.lease, 0)
        assert ledger.submit(given, task.lease, 0) == first
        assert ledger.human_effort() == [(1, 1, 80.0)]

    def test_the_id_of_another_answer_is_refused(self, ledger):
        ask(ledger, 7, 3)
        claim(ledger, "ada")
        claim(ledger, "bo")
        answer(ledger, "ada", "same")
        with pytest.raises(BadLabel, match="belongs to another answer"):
            answer(ledger, "bo", "same")

    def test_an_answer_that_comes_too_late_is_refused_and_told_who_has_the_frame(self, ledger, clock):
        (request,) = ask(ledger, 7)
        late = ledger.claim("ada", LEASE)
        clock.forward(LEASE + 5)
        claim(ledger, "bo")
        given = replace(mask_answer(request, "late"), annotator="ada")
        with pytest.raises(StaleLease, match="is with bo now") as refused:
            ledger.submit(given, late.lease, 0)
        assert refused.value.owner == "bo"
        answer(ledger, "bo", "a2")
        with pytest.raises(StaleLease, match="was answered by bo") as refused:
            ledger.submit(given, late.lease, 0)
        assert refused.value.owner == "bo"
        assert [g.answer.answer_id for g in ledger.answers_given()] == ["a2"]

    def test_the_lease_of_another_person_does_not_help(self, ledger):
        (request,) = ask(ledger, 7)
        task = ledger.claim("ada", LEASE)
        with pytest.raises(StaleLease):
            ledger.submit(replace(mask_answer(request), annotator="bo"), task.lease, 0)

    def test_a_drawing_on_an_older_revision_is_refused(self, ledger):
        (request,) = ask(ledger, 7)
        claim(ledger, "ada")
        answer(ledger, "ada", "first")
        task = ledger.undo("first", "ada", 60, LEASE)
        assert task.base_revision == 1
        with pytest.raises(StaleLease, match="was answered since"):
            ledger.submit(replace(mask_answer(request, "second"), annotator="ada"), task.lease, 0)

    def test_an_unknown_request_is_refused(self, ledger):
        (request,) = ask(ledger, 7)
        unknown = replace(mask_answer(request), request_id="r9", annotator="ada")
        with pytest.raises(UnknownName, match="unknown request 'r9'"):
            ledger.submit(unknown, "x", 0)

    def test_a_mask_of_another_size_leaves_the_lease_as_it_was(self, ledger):
        (request,) = ask(ledger, 7)
        task = ledger.claim("ada", LEASE)
        wide = replace(square(), width=5)
        with pytest.raises(BadLabel, match="4x4 pixels"):
            ledger.submit(replace(mask_answer(request, rle=wide), annotator="ada"), task.lease, 0)
        assert ledger.task_of("ada").lease == task.lease

    def test_seconds_of_answers_are_prices(self, ledger):
        ask(ledger, 7, 3)
        claim(ledger, "ada")
        answer(ledger, "ada", "a1", seconds=12.5)
        claim(ledger, "ada")
        answer(ledger, "ada", "a2", kind=LabelKind.ACCEPT, seconds=1.5)
        assert ledger.answer_times() == [(LabelKind.MASK, 12.5, 1), (LabelKind.ACCEPT, 1.5, 1)]


class TestUndo:
    def test_the_frame_comes_back_as_it_was_drawn_with_the_time_spent(self, ledger):
        ask(ledger, 7, 3)
        claim(ledger, "ada")
        answer(ledger, "ada", seconds=12.5)
        assert claim(ledger, "ada") == 3
        task = ledger.undo("a1", "ada", 60, LEASE)
        assert task.question.request.frame == FrameRef(1, 7)
        assert (task.draft.masks, task.draft.seconds) == (MASKS, 12.5)
        assert ledger.requests(1, "open")[0].frame.frame_idx == 7
        assert claim(ledger, "bo") == 3

    def test_an_answer_that_was_taken_back_does_not_count_but_stays(self, ledger):
        ask(ledger, 7)
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
        ask(ledger, 7)
        claim(ledger, "ada")
        answer(ledger, "ada")
        first = ledger.undo("a1", "ada", 60, LEASE)
        assert ledger.undo("a1", "ada", 60, LEASE).lease == first.lease

    def test_after_a_minute_it_is_too_late(self, ledger, clock):
        ask(ledger, 7)
        claim(ledger, "ada")
        answer(ledger, "ada")
        clock.forward(61)
        with pytest.raises(StaleLease, match="for 60 s"):
            ledger.undo("a1", "ada", 60, LEASE)

    def test_other_peoples_answers_cannot_be_taken_back(self, ledger):
        ask(ledger, 7)
        claim(ledger, "ada")
        answer(ledger, "ada")
        with pytest.raises(UnknownName, match="unknown answer 'a1'"):
            ledger.undo("a1", "bo", 60, LEASE)


class TestSettingAside:
    def test_a_skipped_frame_goes_to_others(self, ledger):
        ask(ledger, 7, 3)
        task = ledger.claim("ada", LEASE)
        ledger.skip(task.question.request.request_id, "ada", task.lease, "too dark")
        assert [claim(ledger, "ada"), claim(ledger, "bo")] == [3, 7]

    def test_what_everybody_skipped_is_the_leads(self, ledger):
        (request,) = ask(ledger, 7)
        ledger.add_annotator("lea", Role.LEAD)
        for name in ("ada", "bo", "lea"):
            task = ledger.claim(name, LEASE)
            ledger.skip(request.request_id, name, task.lease, "too dark")
        assert ledger.set_aside(request.request_id)[-1] == ("", "flag", "everybody skipped it")
        assert ledger.flagged() == 1
        assert [claim(ledger, "ada"), claim(ledger, "lea")] == [None, 7]

    def test_a_flagged_frame_is_the_leads_and_comes_first(self, ledger):
        requests = ask(ledger, 7, 3)
        ledger.add_annotator("lea", Role.LEAD)
        claim(ledger, "ada")
        task = ledger.claim("bo", LEASE)
        ledger.flag(requests[1].request_id, "bo", task.lease, "is this a car?")
        ledger.release(requests[0].request_id, "ada", ledger.task_of("ada").lease)
        assert [claim(ledger, "lea"), claim(ledger, "bo"), claim(ledger, "ada")] == [3, 7, None]

    def test_a_dropped_frame_is_not_waited_for(self, ledger):
        requests = ask(ledger, 7, 3)
        ledger.add_annotator("lea", Role.LEAD)
        task = ledger.claim("lea", LEASE)
        assert ledger.drop(requests[0].request_id, "lea", task.lease, "black frame").left == 1
        assert ledger.requests(1, "open") == requests[1:]
        assert ledger.requests(1, "dropped") == requests[:1]
        with pytest.raises(StaleLease, match="not asked any more"):
            ledger.renew(requests[0].request_id, "lea", task.lease, LEASE)


class TestChecks:
    def ask_twice(self, ledger, frame_idx=7):
        (request,) = ask(ledger, frame_idx)
        check = replace(request, request_id=f"{request.request_id}-second")
        assert ledger.put_checks([check], Purpose.AGREEMENT, [request.request_id]) == 1
        assert ledger.put_checks([check], Purpose.AGREEMENT, [request.request_id]) == 0
        return request, check

    def test_a_second_person_is_asked_once_there_is_a_first_answer(self, ledger):
        request, check = self.ask_twice(ledger)
        assert [claim(ledger, "ada"), claim(ledger, "bo")] == [7, None]
        answer(ledger, "ada")
        assert claim(ledger, "ada") is None
        question = ledger.claim("bo", LEASE).question
        assert (question.request, question.original, question.purpose) == (check, request, Purpose.AGREEMENT)

    def test_the_second_answer_is_kept_and_does_not_count(self, ledger):
        self.ask_twice(ledger)
        claim(ledger, "ada")
        assert answer(ledger, "ada").left == 0
        as_of = ledger.newest_answer_at(1)
        claim(ledger, "bo")
        answer(ledger, "bo", "a2", label=replace(mask_answer(ask(ledger, 7)[0]).label, masks=()), seconds=3.0)
        (label,) = ledger.human_labels()
        assert label.masks == MASKS
        assert ledger.newest_answer_at(1) == as_of
        assert [g.answer.annotator for g in ledger.answers_given()] == ["ada", "bo"]
        assert ledger.human_effort() == [(1, 1, 83.0)]
        assert ledger.label_seconds(1) == {FrameRef(1, 7): 80.0}
        assert len(ledger.requests(1)) == 1

    def test_checks_lapse_with_their_round(self, ledger):
        self.ask_twice(ledger)
        claim(ledger, "ada")
        answer(ledger, "ada")
        ledger.begin_round(Settings())
        assert claim(ledger, "bo") == 7
        ledger.release(ledger.task_of("bo").question.request.request_id, "bo", ledger.task_of("bo").lease)
        ledger.finish_round(1, None)
        ledger.begin_round(Settings())
        assert claim(ledger, "bo") is None


class TestAhead:
    def test_open_requests_give_way_unless_somebody_has_them(self, ledger, clock):
        done, held, abandoned, free = ask(ledger, 7, 3, 5, 1, round_id=2)
        ledger.add_annotator("cyd")
        claim(ledger, "cyd")
        answer(ledger, "cyd")
        claim(ledger, "ada")
        claim(ledger, "bo")
        clock.forward(LEASE - 5)
        ledger.renew(held.request_id, "ada", ledger.task_of("ada").lease, LEASE)
        clock.forward(10)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(labels, "now", lambda: now() + clock.ahead)
            assert ledger.replace_requests(2) == ledger.requests(2) == [done, held]
        assert ledger.asked_frames(3)["frame_idx"].tolist() == [3, 7]
        with pytest.raises(StaleLease, match="not asked any more"):
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
        self.patch = pytest.MonkeyPatch()
        self.clock = Clock(self.patch)
        self.ledger = Ledger(Path(shutil.copy(self.prepared, self.folders.mktemp("queue"))), patience=5)
        self.owning = self.ledger.owned()
        self.owning.__enter__()
        self.ledger.add_annotator("lea", Role.LEAD)
        ask(self.ledger, 7, 3, 5)
        self.hands = {}
        self.acknowledged = {}

    def teardown(self):
        self.owning.__exit__(None, None, None)
        self.patch.undo()

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
