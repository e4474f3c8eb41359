from dataclasses import replace
from datetime import timedelta

import pytest

from al_core.campaign.waiting import Until, judge
from al_core.errors import BadLabel, StaleLease, UnknownName
from al_core.ledger.labelling.people import Role
from al_core.ledger.labelling.reviews import ReviewVerdict
from al_core.records import LabelKind
from al_core.settings import ScheduleSettings, Settings
from tests.toys.labelling.asking import LEASE, MASKS, answer, claim
from tests.toys.ledgers import asked, mask_answer


@pytest.fixture
def rules():
    """How a round's answers are reviewed; tests say it otherwise."""
    return {"annotator.review": "before"}


@pytest.fixture
def answered(ledger, rules):
    """Ada answered frame 7, bo frame 3; frame 5 waits; rae and lea review. Returns the requests of 7 and 3."""
    ledger.add_annotator("rae", Role.REVIEWER)
    ledger.add_annotator("lea", Role.LEAD)
    ledger.begin_round(Settings().changed(rules))
    first, second, _ = asked(ledger, 7, 3, 5)
    for name, answer_id in (("ada", "of ada"), ("bo", "of bo")):
        claim(ledger, name)
        answer(ledger, name, answer_id)
    return first.request_id, second.request_id


def labelled(ledger, **which):
    return [label.frame.frame_idx for label in ledger.human_labels(**which)]


def in_review(ledger, name):
    """The frame that somebody reviews, or None."""
    found = ledger.claim_review(name, LEASE)
    return None if found is None else found.task.question.request.frame.frame_idx


def approve(ledger, name, review_id="v1"):
    found = ledger.claim_review(name, LEASE).task
    return ledger.approve(review_id, found.question.request.request_id, name, found.lease, found.base_revision, 4.0)


def send_back(ledger, name, review_id="v1", note="The tail is missing."):
    found = ledger.claim_review(name, LEASE).task
    request_id = found.question.request.request_id
    return ledger.return_answer(review_id, request_id, name, found.lease, found.base_revision, 4.0, note)


class TestUndo:
    def test_an_approval_is_taken_back_within_its_time_by_who_gave_it(self, ledger, answered, clock):
        approve(ledger, "rae")
        with pytest.raises(UnknownName):
            ledger.undo_approval("v1", "lea", 60.0, LEASE)
        again = ledger.undo_approval("v1", "rae", 60.0, LEASE)
        assert (again.author, labelled(ledger), ledger.reviews()) == ("ada", [], [])
        assert in_review(ledger, "rae") == 7
        approve(ledger, "rae", "v2")
        clock.forward(61)
        with pytest.raises(StaleLease, match="that time is over"):
            ledger.undo_approval("v2", "rae", 60.0, LEASE)
        assert labelled(ledger) == [7]

    def test_the_answer_that_came_next_goes_back_to_the_queue(self, ledger, answered):
        approve(ledger, "rae")
        assert in_review(ledger, "rae") == 3
        ledger.undo_approval("v1", "rae", 60.0, LEASE)
        assert (in_review(ledger, "rae"), in_review(ledger, "lea")) == (7, 3)
        with pytest.raises(UnknownName):
            ledger.undo_approval("v1", "rae", 60.0, LEASE)

    def test_what_a_round_went_on_with_stays_approved(self, ledger, answered):
        assert claim(ledger, "ada") == 5
        answer(ledger, "ada", "last")
        for review_id in ("v1", "v2", "v3"):
            approve(ledger, "rae", review_id)
        with pytest.raises(StaleLease, match="goes on with this answer"):
            ledger.undo_approval("v3", "rae", 60.0, LEASE)

    def test_what_was_sent_back_is_no_approval(self, ledger, answered):
        send_back(ledger, "rae")
        with pytest.raises(UnknownName):
            ledger.undo_approval("v1", "rae", 60.0, LEASE)


class TestBefore:
    def test_nothing_unapproved_is_used_or_counted(self, ledger, answered):
        assert labelled(ledger) == []
        assert [(frames, seconds) for _, frames, seconds in ledger.human_effort()] == [(0, 160.0)]
        assert ledger.coverage()[0]["human_frames"] == 0
        waiting = ledger.waiting(1)
        assert (waiting.answered, waiting.open, waiting.unapproved) == (0, 1, 2)
        before = ledger.newest_answer_at(1)
        approve(ledger, "rae")
        assert labelled(ledger) == [7]
        assert labelled(ledger, as_of=before) == []
        assert labelled(ledger, as_of=ledger.newest_answer_at(1)) == [7]
        assert [(frames, seconds) for _, frames, seconds in ledger.human_effort()] == [(1, 164.0)]
        assert ledger.coverage()[0]["human_frames"] == 1

    def test_a_round_waits_for_the_last_approval(self, ledger, answered):
        claim(ledger, "ada")
        assert answer(ledger, "ada", "last").left == 3
        verdict = judge(ScheduleSettings(), ledger.waiting(1), LEASE)
        assert verdict.until is Until.ANSWERED
        assert verdict.reason == "none of 3 requests is answered and approved, 3 wait for a reviewer"
        assert [approve(ledger, "rae", f"v{n}").left for n in range(3)] == [2, 1, 0]
        assert judge(ScheduleSettings(), ledger.waiting(1), LEASE).until is Until.NOTHING

    def test_a_round_may_go_on_without_what_nobody_reviewed(self, ledger, answered, clock):
        approve(ledger, "rae")
        clock.forward(3600)
        assert ledger.settle(1, ScheduleSettings(answered_share=0.3), LEASE).until is Until.NOTHING
        assert labelled(ledger) == [7]
        assert [due.request_id for due in ledger.due_reviews()] == [answered[1]]

    def test_a_changed_answer_needs_an_approval_of_its_own_and_the_approved_one_stands(self, ledger, answered):
        approve(ledger, "rae")
        ledger.reopen(answered[0], "ada", LEASE)
        answer(ledger, "ada", "second thoughts", kind=LabelKind.ABSENT)
        assert labelled(ledger) == [7]
        assert ledger.waiting(1).unapproved == 1
        assert {due.answer_id for due in ledger.due_reviews()} == {"second thoughts", "of bo"}

    @pytest.mark.parametrize("rules", [{"annotator.review": "none"}])
    def test_without_reviews_nothing_is_due_and_all_is_used(self, ledger, answered):
        assert ledger.due_reviews() == []
        assert in_review(ledger, "rae") is None
        assert labelled(ledger) == [3, 7]

    @pytest.mark.parametrize("rules", [{"annotator.review": "after"}])
    def test_with_reviews_after_all_is_used_at_once(self, ledger, answered):
        assert labelled(ledger) == [3, 7]
        assert ledger.waiting(1).unapproved == 0
        assert [due.needed for due in ledger.due_reviews()] == [False, False]

    @pytest.mark.parametrize("rules", [{"annotator.review": "after", "annotator.review_share": 1e-9}])
    def test_only_a_share_is_reviewed(self, ledger, answered):
        assert ledger.due_reviews() == []

    def test_rules_of_the_newest_round_hold_for_frames_that_are_held_out(self, ledger, answered):
        ledger.hold_out(1, [9], [9], "lea")
        ledger.put_answer(mask_answer(ledger.requests(purpose="holdout")[0], "held"))
        assert labelled(ledger, purpose="holdout") == []
        assert "held" in [due.answer_id for due in ledger.due_reviews()]


class TestClaim:
    def test_two_reviewers_never_hold_the_same_answer(self, ledger, answered):
        assert in_review(ledger, "rae") == 7
        assert in_review(ledger, "lea") == 3
        assert in_review(ledger, "rae") == 7
        with pytest.raises(StaleLease, match="rae is reviewing"):
            ledger.reopen(answered[0], "ada", LEASE)
        with pytest.raises(StaleLease, match="rae is reviewing"):
            ledger.undo("of ada", "ada", 60, LEASE)

    def test_an_answer_that_lay_too_long_goes_to_somebody_else(self, ledger, answered, clock):
        found = ledger.claim_review("rae", LEASE)
        in_review(ledger, "lea")
        clock.forward(LEASE + 1)
        ledger.return_answer("v1", answered[1], "lea", ledger.claim_review("lea", LEASE).task.lease, 1, 2.0, "no")
        assert in_review(ledger, "lea") == 7
        with pytest.raises(StaleLease, match="no longer in your hands"):
            ledger.approve("v2", answered[0], "rae", found.task.lease, 1, 1.0)

    def test_nobody_reviews_an_own_answer(self, ledger, answered):
        claim(ledger, "lea")
        answer(ledger, "lea", "of lea")
        assert [in_review(ledger, "lea"), approve(ledger, "lea").left] == [7, 2]
        assert [in_review(ledger, "lea"), approve(ledger, "lea", "v2").left] == [3, 1]
        assert in_review(ledger, "lea") is None
        with pytest.raises(BadLabel, match="nobody reviews an own answer"):
            ledger.approve("v3", ledger.due_reviews()[0].request_id, "lea", None, 1, 1.0)
        assert in_review(ledger, "rae") == 5

    def test_annotators_get_none(self, ledger, answered):
        assert in_review(ledger, "ada") is None
        with pytest.raises(BadLabel, match="ada may not review: fewframes annotator add ada --role reviewer"):
            ledger.approve("v1", answered[1], "ada", None, 1, 1.0)

    def test_those_that_agree_least_come_first(self, ledger, answered):
        ledger.put_likeness([("of ada", "", 0.9), ("of bo", "", 0.8)])
        ledger.put_likeness([("of bo", "", 0.3)])
        assert [due.likeness for due in ledger.due_reviews()] == [0.3, 0.9]
        assert ledger.claim_review("rae", LEASE, least_agreed_first=False).answer_id == "of ada"
        assert ledger.claim_review("lea", LEASE).answer_id == "of bo"
        assert ledger.likeness_of_pairs() == {("of ada", ""): 0.9, ("of bo", ""): 0.3}

    def test_what_a_reviewer_labels_and_what_is_reviewed_are_in_hand_side_by_side(self, ledger, answered):
        assert in_review(ledger, "rae") == 7
        assert claim(ledger, "rae") == 5
        assert in_review(ledger, "rae") == 7
        assert claim(ledger, "rae") == 5

    def test_the_task_shows_what_its_author_drew(self, ledger, answered):
        found = ledger.claim_review("rae", LEASE)
        assert (found.answer_id, found.author, found.kind, found.masks) == ("of ada", "ada", LabelKind.MASK, MASKS)


class TestApprove:
    def test_sending_it_twice_is_sending_it_once(self, ledger, answered):
        found = ledger.claim_review("rae", LEASE).task
        sent = ("v1", answered[0], "rae", found.lease, 1, 4.0)
        assert ledger.approve(*sent) == ledger.approve(*sent)
        assert [(it.author, it.reviewer, it.verdict) for it in ledger.reviews()] == [
            ("ada", "rae", ReviewVerdict.APPROVED)
        ]

    def test_what_was_taken_back_meanwhile_is_not_approved(self, ledger, answered):
        found = ledger.claim_review("rae", LEASE).task
        ledger.withdraw(["of ada"], "lea", "wrong")
        with pytest.raises(StaleLease, match="no longer in your hands"):
            ledger.approve("v1", answered[0], "rae", found.lease, 1, 4.0)
        assert claim(ledger, "rae") == 7

    def test_without_a_lease_it_must_be_in_nobodys_hands(self, ledger, answered):
        in_review(ledger, "rae")
        with pytest.raises(StaleLease, match="rae has this frame in hand"):
            ledger.approve("v1", answered[0], "lea", None, 1, 4.0)
        assert ledger.approve("v2", answered[1], "lea", None, *ledger.standing_revision(answered[1])[1:], 4.0).left == 1
        with pytest.raises(UnknownName):
            ledger.standing_revision("nothing")


class TestReturn:
    @pytest.fixture
    def rules(self):
        return {"annotator.review": "after"}

    def test_it_comes_back_to_its_author_first_with_the_note_and_the_drawing(self, ledger, answered):
        send_back(ledger, "rae")
        assert labelled(ledger) == [3]
        assert claim(ledger, "bo") == 5
        task = ledger.claim("ada", LEASE)
        assert (task.question.request.request_id, task.draft.masks) == (answered[0], MASKS)
        assert task.returned
        assert not ledger.claim("bo", LEASE).returned
        assert task.draft.seconds == 80.0
        assert [(note.who, note.text) for note in ledger.notes_on(answered[0])] == [("rae", "The tail is missing.")]
        answer(ledger, "ada", "better")
        assert labelled(ledger) == [3, 7]
        assert [due.answer_id for due in ledger.due_reviews()] == ["of bo", "better"]

    def test_others_get_it_when_the_author_is_gone_or_a_day_has_passed(self, ledger, answered, clock):
        send_back(ledger, "rae")
        claim(ledger, "rae")
        assert claim(ledger, "bo") is None
        clock.forward(25 * 3600)
        assert claim(ledger, "bo") == 7

    def test_others_get_it_when_the_author_lost_access_or_skipped_it(self, ledger, answered):
        send_back(ledger, "rae")
        task = ledger.claim("ada", LEASE)
        ledger.skip(answered[0], "ada", task.lease, "cannot tell")
        assert claim(ledger, "bo") == 7
        ledger.release(answered[0], "bo", ledger.task_of("bo").lease)
        ledger.revoke_annotator("ada")
        assert claim(ledger, "bo") == 7

    def test_a_finished_round_asks_again_too(self, ledger, answered):
        ledger.finish_round(1, None)
        send_back(ledger, "rae")
        assert claim(ledger, "ada") == 7

    def test_of_an_excluded_video_nobody_is_asked(self, ledger, answered):
        ledger.exclude_video(1, "lea")
        send_back(ledger, "rae")
        assert ledger.requests(status="withdrawn")[0].request_id == answered[0]

    def test_it_needs_a_note(self, ledger, answered):
        with pytest.raises(BadLabel, match="a note has 1 to 1000 characters, got 1"):
            send_back(ledger, "rae", note=" ")
        assert labelled(ledger) == [3, 7]
        assert ledger.reviews() == []

    def test_sending_it_twice_is_sending_it_once(self, ledger, answered):
        found = ledger.claim_review("rae", LEASE).task
        sent = ("v1", answered[0], "rae", found.lease, 1, 4.0, "no")
        assert ledger.return_answer(*sent) == ledger.return_answer(*sent)
        assert len(ledger.notes_on(answered[0])) == len(ledger.reviews()) == 1


class TestCorrect:
    def test_the_reviewers_answer_takes_the_place_of_the_one_before_and_needs_no_approval(self, ledger, answered):
        task = ledger.claim_review("rae", LEASE).task
        given = replace(mask_answer(task.question.request, "by rae"), annotator="rae", kind=LabelKind.ABSENT)
        for _ in range(2):
            stored = ledger.submit(given, task.lease, task.base_revision, "Only its shadow.")
            assert (stored.revision, stored.left) == (2, 1)
        assert labelled(ledger) == [7]
        (review,) = ledger.reviews(answered[0])
        assert (review.verdict, review.answer_id, review.correction) == (ReviewVerdict.CORRECTED, "of ada", "by rae")
        assert [due.answer_id for due in ledger.due_reviews()] == ["of bo"]
        assert [note.who for note in ledger.notes_on(answered[0])] == ["rae"]
        with pytest.raises(StaleLease, match="a correction is not taken back"):
            ledger.undo("by rae", "rae", 60, LEASE)

    def test_a_correction_can_be_drawn_in_pieces(self, ledger, answered):
        task = ledger.claim_review("rae", LEASE).task
        request_id = task.question.request.request_id
        ledger.save_draft(request_id, "rae", task.lease, [], 9.0)
        ledger.renew(request_id, "rae", task.lease, LEASE)
        assert ledger.claim_review("rae", LEASE).task.draft.seconds == 9.0
        ledger.release(request_id, "rae", task.lease)
        assert in_review(ledger, "lea") == 7


def test_reviews_come_later_than_answers_also_when_the_clock_was_put_back(ledger, answered, clock):
    last = ledger.newest_answer_at(1)
    clock.forward(-3600)
    approve(ledger, "rae")
    assert ledger.newest_answer_at(1) > last
    assert ledger.reviews()[0].reviewed_at - last < timedelta(seconds=1)
