"""What people correct in frames that objects were carried to."""

import pytest

from al_core.errors import BadLabel, StaleLease, UnknownName
from al_core.ledger.labelling.leases import Purpose
from al_core.ledger.labelling.people import Role
from al_core.records import Answer, FrameLabel, FrameRef, LabelKind, MaskLabel
from al_core.settings import Settings
from tests.toys.labelling.asking import LEASE, MASKS, answer, claim
from tests.toys.ledgers import asked, square


@pytest.fixture
def in_hand(ledger):
    """The request that ada has in hand, for frame 3; frame 7 waits."""
    request, *_ = asked(ledger, 3, 7)
    claim(ledger, "ada")
    return request.request_id


def correction(request_id, frame_idx=4, answer_id="t1", masks=MASKS, complete=False, annotator="ada", video_id=1):
    label = FrameLabel(FrameRef(video_id, frame_idx), masks, complete)
    return Answer(answer_id, request_id, label, LabelKind.MASK, 2.5, annotator)


def labelled(ledger, **narrower):
    return [label.frame.frame_idx for label in ledger.human_labels(**narrower)]


def test_a_correction_is_a_label_that_no_round_waits_for(ledger, in_hand):
    ledger.put_tracked(correction(in_hand))
    assert labelled(ledger) == labelled(ledger, up_to_round=1) == [4]
    assert ledger.waiting(1).open == 2
    assert [r.frame.frame_idx for r in ledger.requests()] == [3, 7]
    (request,) = ledger.requests(purpose=Purpose.TRACKED)
    assert (request.frame.frame_idx, request.round_id, request.reason) == (4, 1, "Tracked from frame 3.")


def test_it_counts_as_work_and_sets_no_price(ledger, in_hand):
    ledger.put_tracked(correction(in_hand, complete=True))
    assert ledger.human_effort() == [(1, 1, 2.5)]
    assert ledger.effort_by_person() == [("ada", 1, 2.5)]
    assert ledger.answer_times() == []


def test_a_frame_that_was_found_whole_is_not_chosen_again(ledger, in_hand):
    ledger.put_tracked(correction(in_hand, 4, "t1"))
    ledger.put_tracked(correction(in_hand, 5, "t2", complete=True))
    assert list(ledger.asked_frames(2)["frame_idx"]) == [3, 5, 7]


def test_who_finds_a_frame_whole_answers_what_was_asked_of_it(ledger, in_hand):
    ledger.put_tracked(correction(in_hand, 7, "t1"))
    assert ledger.waiting(1).open == 2
    ledger.put_tracked(correction(in_hand, 7, "t2", complete=True))
    assert ledger.waiting(1).open == 1
    assert [r.frame.frame_idx for r in ledger.requests(status="open")] == [3]
    assert list(ledger.asked_frames(2)["frame_idx"]) == [3, 7]
    answer(ledger, "ada")
    assert claim(ledger, "ada") is None


def test_a_frame_that_somebody_has_in_hand_stays_asked_for(ledger, in_hand):
    assert claim(ledger, "bo") == 7
    ledger.put_tracked(correction(in_hand, 7, "t1", complete=True))
    assert ledger.waiting(1).open == 2
    answer(ledger, "bo")


def test_the_same_answer_twice_is_stored_once(ledger, in_hand):
    assert ledger.put_tracked(correction(in_hand)) == ledger.put_tracked(correction(in_hand))
    assert len(ledger.answers_given()) == 1
    with pytest.raises(BadLabel, match="belongs to another answer"):
        ledger.put_tracked(correction(in_hand, annotator="bo"))


def test_of_two_corrections_the_later_one_counts_and_the_other_object_stays(ledger, in_hand, clock):
    ledger.put_tracked(correction(in_hand, 4, "z", masks=(MaskLabel(1, 1, square()), MaskLabel(2, 1, square()))))
    clock.forward(5)
    ledger.put_tracked(correction(in_hand, 4, "a", masks=(MaskLabel(2, 2, square()),)))
    (label,) = ledger.human_labels()
    assert {m.track_id: m.category_id for m in label.objects} == {1: 1, 2: 2}


def test_it_may_come_when_the_frame_is_answered_or_in_nobodys_hands(ledger, in_hand, clock):
    clock.forward(2 * LEASE)
    ledger.put_tracked(correction(in_hand, 4, "t1"))
    assert claim(ledger, "ada") == 3
    answer(ledger, "ada")
    ledger.put_tracked(correction(in_hand, 5, "t2"))
    assert labelled(ledger) == [3, 4, 5]


def test_nobody_tracks_from_a_frame_that_was_never_theirs(ledger, in_hand):
    with pytest.raises(StaleLease):
        ledger.put_tracked(correction(in_hand, annotator="bo"))
    with pytest.raises(UnknownName):
        ledger.put_tracked(correction("r0009"))


def test_what_is_held_out_is_neither_tracked_from_nor_to(ledger, in_hand):
    ledger.hold_out(1, [4, 9], [9], "eve")
    with pytest.raises(BadLabel, match="held out"):
        ledger.put_tracked(correction(in_hand, 4))
    answer(ledger, "ada", "a1")
    claim(ledger, "ada")
    answer(ledger, "ada", "a2")
    assert claim(ledger, "ada") == 9
    with pytest.raises(BadLabel, match="measures"):
        ledger.put_tracked(correction(ledger.task_of("ada").question.request.request_id, 10))


@pytest.mark.parametrize("where", [{"frame_idx": 12}, {"video_id": 2}])
def test_objects_stay_in_their_video(ledger, in_hand, where):
    with pytest.raises(BadLabel, match="within the video"):
        ledger.put_tracked(correction(in_hand, **where))


def test_a_corrected_frame_cannot_be_held_out_and_an_import_does_not_replace_it(ledger, in_hand):
    ledger.put_tracked(correction(in_hand, complete=True))
    with pytest.raises(BadLabel, match="learns from labels"):
        ledger.hold_out(1, [4], [], "eve")


def test_a_withdrawn_correction_is_gone_and_asked_of_nobody(ledger, in_hand):
    ledger.put_tracked(correction(in_hand))
    assert ledger.withdraw(["t1"], "eve", "wrong") == 1
    assert labelled(ledger) == []
    assert [r.frame.frame_idx for r in ledger.requests(status="open")] == [3, 7]
    assert ledger.requests(status="open", purpose=Purpose.TRACKED) == []


def test_it_is_not_taken_back_by_a_key(ledger, in_hand):
    ledger.put_tracked(correction(in_hand))
    with pytest.raises(UnknownName):
        ledger.undo("t1", "ada", 60, LEASE)
    assert ledger.last_answers("ada", 9) == []


class TestReviewed:
    """Rounds in which nothing counts that nobody approved."""

    @pytest.fixture
    def sent(self, ledger):
        """The request of ada's correction, which rae has in hand to review; gives it with the token of the lease."""
        ledger.add_annotator("rae", Role.REVIEWER)
        ledger.begin_round(Settings().changed({"annotator.review": "before"}))
        (request,) = asked(ledger, 3)
        claim(ledger, "ada")
        tracked = ledger.put_tracked(correction(request.request_id, complete=True))
        return tracked, ledger.claim_review("rae", LEASE).task.lease

    def test_a_correction_counts_once_it_is_approved(self, ledger, sent):
        assert labelled(ledger) == []
        ledger.approve("v1", sent[0], "rae", sent[1], 1, 2.0)
        assert labelled(ledger) == [4]

    def test_one_that_is_returned_comes_back_to_its_author_alone(self, ledger, sent):
        answer(ledger, "ada", "a1")
        ledger.return_answer("v1", sent[0], "rae", sent[1], 1, 2.0, "the tail is missing")
        assert claim(ledger, "bo") is None
        task = ledger.claim("ada", LEASE)
        assert (task.question.request.frame.frame_idx, task.draft.masks) == (4, MASKS)
        answer(ledger, "ada", "a2")
        assert [r.frame.frame_idx for r in ledger.requests(status="done", purpose=Purpose.TRACKED)] == [4]
