import pytest

from al_core.errors import StaleLease, UnknownName
from al_core.ledger.labelling.people import Role
from al_core.records import FrameRef, LabelKind, MaskLabel
from tests.toys.labelling.asking import LEASE, MASKS, answer, claim
from tests.toys.ledgers import asked, square


@pytest.fixture
def answered(ledger):
    """Ada answered frame 7 and has nothing in hand; frames 3 and 5 wait. Returns her request."""
    request, *_ = asked(ledger, 7, 3, 5)
    claim(ledger, "ada")
    answer(ledger, "ada", "first")
    return request.request_id


def labelled(ledger):
    return [label.frame.frame_idx for label in ledger.human_labels()]


class TestLastAnswers:
    def test_the_newest_comes_first_and_only_ones_own(self, ledger, answered, clock):
        claim(ledger, "bo")
        answer(ledger, "bo", "other")
        clock.forward(5)
        claim(ledger, "ada")
        answer(ledger, "ada", "second", kind=LabelKind.ABSENT)
        found = ledger.last_answers("ada", 9)
        assert [(it.frame, it.kind, it.n_masks) for it in found] == [
            (FrameRef(1, 5), LabelKind.ABSENT, 1),
            (FrameRef(1, 7), LabelKind.MASK, 1),
        ]
        assert [it.frame.frame_idx for it in ledger.last_answers("ada", 1)] == [5]

    def test_what_was_taken_back_is_not_among_them(self, ledger, answered):
        ledger.undo("first", "ada", 60, LEASE)
        assert ledger.last_answers("ada", 9) == []


class TestReopen:
    def test_the_answer_is_the_draft_and_stands_meanwhile(self, ledger, answered):
        task = ledger.reopen(answered, "ada", LEASE)
        assert task.reopened
        assert task.draft.masks == MASKS
        assert task.base_revision == 1
        assert labelled(ledger) == [7]
        assert ledger.task_of("ada").lease == ledger.reopen(answered, "ada", LEASE).lease == task.lease
        assert claim(ledger, "ada") == 7
        assert {claim(ledger, "bo"), claim(ledger, "bo")} == {3}
        assert ledger.waiting(1).open == 2

    def test_another_answer_takes_its_place(self, ledger, answered):
        ledger.reopen(answered, "ada", LEASE)
        stored = answer(ledger, "ada", "better", kind=LabelKind.ABSENT, seconds=90.0)
        assert (stored.revision, stored.left) == (2, 2)
        assert [it.kind for it in ledger.last_answers("ada", 9)] == [LabelKind.ABSENT]
        assert ledger.human_effort() == [(1, 1, 90.0)]
        assert claim(ledger, "ada") == 3

    def test_who_gives_it_back_leaves_it_as_it_was(self, ledger, answered):
        task = ledger.reopen(answered, "ada", LEASE)
        ledger.save_draft(answered, "ada", task.lease, [MaskLabel(4, 1, square())], 99.0)
        ledger.release(answered, "ada", task.lease)
        assert claim(ledger, "ada") == 3
        assert ledger.human_effort() == [(1, 1, 80.0)]
        # What was drawn then is there when the frame is opened again.
        assert [mask.track_id for mask in ledger.reopen(answered, "ada", LEASE).draft.masks] == [4]

    def test_what_was_in_hand_goes_back_to_the_queue(self, ledger, answered):
        assert claim(ledger, "ada") == 3
        ledger.reopen(answered, "ada", LEASE)
        assert claim(ledger, "bo") == 3

    def test_it_can_be_renewed_and_is_no_longer_in_hand_when_it_is_not(self, ledger, answered, clock):
        task = ledger.reopen(answered, "ada", LEASE)
        assert ledger.renew(answered, "ada", task.lease, LEASE) is True
        clock.forward(LEASE + 5)
        assert claim(ledger, "ada") == 3

    @pytest.mark.parametrize("how", ["skip", "flag", "drop"])
    def test_it_cannot_be_put_aside(self, ledger, answered, how):
        task = ledger.reopen(answered, "ada", LEASE)
        with pytest.raises(StaleLease):
            getattr(ledger, how)(answered, "ada", task.lease, "no")
        assert labelled(ledger) == [7]

    def test_only_ones_own_answers_are_opened(self, ledger, answered):
        with pytest.raises(UnknownName):
            ledger.reopen(answered, "bo", LEASE)
        with pytest.raises(UnknownName):
            ledger.reopen("r9", "ada", LEASE)

    def test_an_answer_that_a_lead_took_back_is_asked_again_and_not_opened(self, ledger, answered):
        ledger.withdraw(["first"], "lea", "wrong")
        with pytest.raises(UnknownName):
            ledger.reopen(answered, "ada", LEASE)
        assert claim(ledger, "ada") == 7


def test_what_comes_next_is_told_and_not_given(ledger):
    asked(ledger, 7, 3)
    assert ledger.upcoming("ada", LEASE) == FrameRef(1, 7)
    assert claim(ledger, "ada") == 7
    assert ledger.upcoming("ada", LEASE) == ledger.upcoming("bo", LEASE) == FrameRef(1, 3)
    claim(ledger, "bo")
    assert ledger.upcoming("ada", LEASE) is None
    ledger.add_annotator("vi", Role.VIEWER)
    assert ledger.upcoming("vi", LEASE) is None
