"""Who gets which request, how long it stays in a person's hands, and what is said to who comes too late."""

from dataclasses import replace

import pytest

from al_core.errors import StaleLease, UnknownName
from al_core.ledger.labelling.leases import Purpose
from al_core.ledger.labelling.people import Role
from al_core.records import FrameRef, LabelRequest
from al_core.settings import Settings
from tests.toys.labelling.asking import LEASE, MASKS, answer, claim
from tests.toys.ledgers import asked, chosen, clip, mask_answer, times_us


class TestClaims:
    def test_frames_go_out_by_rank_and_to_one_person_each(self, ledger):
        asked(ledger, 7, 3, 5)
        assert [claim(ledger, name) for name in ("ada", "bo", "ada")] == [7, 3, 7]

    def test_earlier_rounds_come_first(self, ledger):
        asked(ledger, 2, round_id=2)
        asked(ledger, 8, round_id=1)
        assert claim(ledger, "ada") == 8

    def test_nothing_is_left_when_all_is_out(self, ledger):
        asked(ledger, 7)
        assert [claim(ledger, "ada"), claim(ledger, "bo")] == [7, None]

    def test_the_same_task_comes_again_after_a_reload(self, ledger):
        asked(ledger, 7, 3)
        first, again = ledger.claim("ada", LEASE), ledger.claim("ada", LEASE)
        assert (again.question, again.lease) == (first.question, first.lease)
        assert again.seconds_left == pytest.approx(LEASE, abs=5)
        assert ledger.task_of("ada").question == first.question

    def test_an_abandoned_frame_goes_to_the_next_person(self, ledger, clock):
        asked(ledger, 7)
        claim(ledger, "ada")
        clock.forward(LEASE - 5)
        assert claim(ledger, "bo") is None
        clock.forward(10)
        assert claim(ledger, "bo") == 7
        assert ledger.task_of("ada") is None

    def test_a_renewed_lease_lasts(self, ledger, clock):
        (request,) = asked(ledger, 7)
        task = ledger.claim("ada", LEASE)
        clock.forward(LEASE - 5)
        ledger.renew(request.request_id, "ada", task.lease, LEASE)
        clock.forward(LEASE - 5)
        assert claim(ledger, "bo") is None

    def test_a_lease_that_ran_out_still_holds_while_nobody_took_the_frame(self, ledger, clock):
        asked(ledger, 7)
        claim(ledger, "ada")
        clock.forward(LEASE + 5)
        assert answer(ledger, "ada").revision == 1

    def test_a_released_frame_is_free_and_its_draft_stays(self, ledger):
        (request, _) = asked(ledger, 7, 3)
        task = ledger.claim("ada", LEASE)
        ledger.save_draft(request.request_id, "ada", task.lease, MASKS, 4.5)
        ledger.release(request.request_id, "ada", task.lease)
        assert claim(ledger, "bo") == 7
        assert ledger.task_of("bo").draft is None
        ledger.release(request.request_id, "bo", ledger.task_of("bo").lease)
        draft = ledger.claim("ada", LEASE).draft
        assert (draft.masks, draft.seconds) == (MASKS, 4.5)

    def test_a_frame_with_a_draft_of_ones_own_comes_first(self, ledger):
        requests = asked(ledger, 7, 3)
        claim(ledger, "bo")
        task = ledger.claim("ada", LEASE)
        ledger.save_draft(requests[1].request_id, "ada", task.lease, MASKS, 1.0)
        ledger.release(requests[1].request_id, "ada", task.lease)
        ledger.release(requests[0].request_id, "bo", ledger.task_of("bo").lease)
        assert claim(ledger, "ada") == 3

    def test_strangers_and_people_without_access_get_nothing(self, ledger):
        asked(ledger, 7)
        claim(ledger, "ada")
        ledger.revoke_annotator("ada")
        for name in ("ada", "nobody"):
            with pytest.raises(UnknownName, match="unknown annotator"):
                ledger.claim(name, LEASE)
        assert claim(ledger, "bo") == 7

    def test_the_task_tells_what_the_page_says(self, ledger):
        ledger.put_selection(1, "value", [replace(chosen(7), control=True)])
        (request,) = asked(ledger, 7)
        task = ledger.claim("ada", LEASE)
        assert task.question == ledger.question(request.request_id)
        assert (task.question.request, task.question.original) == (request, request)
        assert (task.question.purpose, task.control, task.base_revision) == (Purpose.LABEL, True, 0)

    def test_a_lease_from_a_clock_that_was_ahead_keeps_a_frame_from_nobody(self, ledger, clock):
        asked(ledger, 7)
        clock.forward(3600)
        claim(ledger, "ada")
        clock.forward(-3600)
        assert claim(ledger, "bo") == 7
        assert ledger.task_of("ada") is None


class TestLateComers:
    """Each finds out what became of the request."""

    @pytest.fixture
    def late(self, ledger, clock):
        """Ada's lease of the only frame ran out; returns a function that acts on it for her."""
        (request,) = asked(ledger, 7)
        task = ledger.claim("ada", LEASE)
        clock.forward(LEASE + 5)
        return lambda: ledger.renew(request.request_id, "ada", task.lease, LEASE)

    def test_nobody_else_took_it_so_it_is_still_theirs(self, ledger, late):
        late()
        assert claim(ledger, "bo") is None

    def test_somebody_has_it_now(self, ledger, late):
        claim(ledger, "bo")
        with pytest.raises(StaleLease, match="bo has this frame in hand now") as error:
            late()
        assert error.value.owner == "bo"

    def test_somebody_had_it_and_let_it_go(self, ledger, late):
        task = ledger.claim("bo", LEASE)
        ledger.release(task.question.request.request_id, "bo", task.lease)
        with pytest.raises(StaleLease, match="no longer yours") as error:
            late()
        assert error.value.owner is None

    def test_somebody_answered_it(self, ledger, late):
        claim(ledger, "bo")
        answer(ledger, "bo")
        with pytest.raises(StaleLease, match="bo answered this frame in the meantime") as error:
            late()
        assert error.value.owner == "bo"

    def test_it_is_not_asked_any_more(self, ledger, late):
        ledger.add_annotator("lea", Role.LEAD)
        task = ledger.claim("lea", LEASE)
        ledger.drop(task.question.request.request_id, "lea", task.lease, "black frame")
        with pytest.raises(StaleLease, match="is not asked for any more"):
            late()


class TestDrafts:
    def test_a_draft_is_void_once_the_request_has_another_answer(self, ledger):
        (request,) = asked(ledger, 7)
        task = ledger.claim("ada", LEASE)
        ledger.save_draft(request.request_id, "ada", task.lease, MASKS, 4.5)
        ledger.release(request.request_id, "ada", task.lease)
        claim(ledger, "bo")
        answer(ledger, "bo")
        undone = ledger.undo("a1", "bo", 60, LEASE)
        assert (undone.base_revision, undone.draft.masks, undone.draft.seconds) == (1, MASKS, 80.0)
        ledger.release(request.request_id, "bo", undone.lease)
        assert ledger.claim("ada", LEASE).draft is None

    def test_the_newest_draft_is_kept(self, ledger):
        (request,) = asked(ledger, 7)
        task = ledger.claim("ada", LEASE)
        for seconds in (1.0, 2.5):
            ledger.save_draft(request.request_id, "ada", task.lease, (), seconds)
        assert (ledger.task_of("ada").draft.masks, ledger.task_of("ada").draft.seconds) == ((), 2.5)


class TestChecks:
    def ask_twice(self, ledger, frame_idx=7):
        (request,) = asked(ledger, frame_idx)
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
        answer(ledger, "bo", "a2", label=replace(mask_answer(asked(ledger, 7)[0]).label, masks=()), seconds=3.0)
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


class TestSameVideo:
    """Frames 0 to 9 of rank 0 to 9, the even ranks of one video and the odd ones of another."""

    @pytest.fixture
    def two_videos(self, ledger):
        ledger.add_video(clip("other"), times_us())
        ledger.begin_round(Settings())
        ledger.put_requests([LabelRequest.of(1, chosen(i, i, video_id=1 + i % 2)) for i in range(10)])
        return ledger

    def handed_out(self, ledger, n, **options):
        """Ranks of the next frames that ada gets and answers."""
        ranks = []
        for _ in range(n):
            task = ledger.claim("ada", LEASE, **options)
            ranks.append(task.question.request.rank)
            answer(ledger, "ada", f"a{len(ranks)}-{task.question.request.request_id}")
        return ranks

    def test_frames_of_a_video_come_together_as_far_as_ranks_allow(self, two_videos):
        assert self.handed_out(two_videos, 10, same_video=3) == [0, 2, 4, 1, 3, 5, 7, 9, 6, 8]

    def test_without_it_ranks_alone_count(self, two_videos):
        assert self.handed_out(two_videos, 10) == list(range(10))

    def test_a_video_of_higher_priority_comes_first(self, two_videos):
        two_videos.set_priority(2, 5, "eve")
        assert self.handed_out(two_videos, 6, same_video=9) == [1, 3, 5, 7, 9, 0]

    def test_a_frame_that_was_begun_comes_first(self, two_videos):
        self.handed_out(two_videos, 1, same_video=9)
        begun = two_videos.claim("ada", LEASE)
        two_videos.save_draft(begun.question.request.request_id, "ada", begun.lease, MASKS, 3.0)
        two_videos.release(begun.question.request.request_id, "ada", begun.lease)
        assert begun.question.request.rank == 1
        assert self.handed_out(two_videos, 1, same_video=9) == [1]

    def test_what_comes_next_is_told_by_the_video_in_hand(self, two_videos):
        two_videos.claim("ada", LEASE, same_video=3)
        assert two_videos.upcoming("ada", LEASE, 3) == FrameRef(1, 2)
        assert two_videos.upcoming("ada", LEASE) == FrameRef(2, 1)
