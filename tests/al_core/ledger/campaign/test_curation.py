"""Videos that are left out, put first, or given to somebody."""

from datetime import timedelta

import pytest

from al_core.errors import LedgerConflict, StaleLease, UnknownName
from al_core.ledger.campaign.curation import Exclusion
from al_core.ledger.file.ledger_clock import system_time
from al_core.ledger.labelling.people import Role
from al_core.records import LabelRequest
from al_core.settings import Settings
from tests.toys.ledgers import chosen, clip, ledger_with_clip, mask_answer, times_us

LEASE = 300.0


@pytest.fixture
def ledger(tmp_path):
    """Two clips, two people, and a round that asks for two frames of each clip."""
    ledger = ledger_with_clip(tmp_path)
    with ledger.owned():
        ledger.add_video(clip("other"), times_us())
        ledger.begin_round(Settings())
        for name in ("ann", "bob"):
            ledger.add_annotator(name)
        ledger.add_annotator("lea", Role.LEAD)
        places = [(1, 0), (2, 0), (1, 5), (2, 5)]
        ledger.put_requests([LabelRequest.of(1, chosen(i, rank, v)) for rank, (v, i) in enumerate(places)])
        yield ledger


def claim(ledger, name):
    """Video and frame number that somebody gets."""
    task = ledger.claim(name, LEASE)
    return None if task is None else (task.question.request.frame.video_id, task.question.request.frame.frame_idx)


def answer(ledger, name):
    """Somebody answers what is in hand."""
    task = ledger.task_of(name)
    given = mask_answer(task.question.request, f"a-{task.question.request.request_id}")
    return ledger.submit(given, task.lease, task.base_revision)


class TestExcluding:
    def test_nobody_is_asked_any_more_and_labels_stay(self, ledger):
        claim(ledger, "ann")
        answer(ledger, "ann")
        assert ledger.exclude_video(1, "lea", "blurred") == Exclusion(1, 0, 1)
        assert [claim(ledger, "ann"), claim(ledger, "bob")] == [(2, 0), (2, 5)]
        assert ledger.excluded_videos() == {1}
        assert ledger.pool_lengths() == {2: 12}
        assert [label.frame.video_id for label in ledger.human_labels()] == [1]
        assert ledger.frames_set_aside() == 1
        assert ledger.video_cares()[1].excluded == "blurred"

    def test_who_has_a_frame_in_hand_may_finish_it(self, ledger):
        assert claim(ledger, "ann") == (1, 0)
        assert ledger.exclude_video(1, "lea").in_hand == 1
        task = ledger.task_of("ann")
        assert ledger.renew(task.question.request.request_id, "ann", task.lease, LEASE) is False
        answer(ledger, "ann")
        assert len(ledger.human_labels(1)) == 1
        assert claim(ledger, "ann") == (2, 0)

    def test_a_frame_that_nobody_held_is_refused_with_the_reason(self, ledger):
        ledger.exclude_video(1, "lea")
        with pytest.raises(StaleLease, match="is not asked for any more: its video was excluded"):
            ledger.renew("r0001-v00001-f0000000", "ann", "", LEASE)

    def test_an_answer_that_is_taken_back_is_not_waited_for(self, ledger):
        claim(ledger, "ann")
        ledger.exclude_video(1, "lea")
        stored = answer(ledger, "ann")
        ledger.undo(stored.answer_id, "ann", 60.0, LEASE)
        assert ledger.waiting(1).open == 2
        answer_again = ledger.task_of("ann")
        assert answer_again.question.request.frame.video_id == 1

    def test_of_what_was_chosen_before_nothing_is_asked(self, ledger):
        ledger.exclude_video(1, "lea")
        assert ledger.put_requests([LabelRequest.of(2, chosen(7)), LabelRequest.of(2, chosen(7, 1, 2))]) == 1
        assert [r.frame.video_id for r in ledger.requests(2)] == [2]

    def test_included_again_its_frames_may_be_asked_for(self, ledger):
        before = system_time()
        ledger.exclude_video(1, "lea")
        assert ledger.asked_frames(2)["video_id"].tolist() == [2, 2]
        ledger.include_video(1, "lea")
        assert ledger.excluded_videos() == frozenset()
        assert ledger.excluded_videos(before) == frozenset()
        request = LabelRequest.of(1, chosen(0))
        assert ledger.put_requests([request]) == 1

    def test_a_round_knows_what_was_left_out_when_it_began(self, ledger):
        ledger.exclude_video(1, "lea")
        assert ledger.excluded_before(1) == frozenset()
        assert ledger.excluded_videos(system_time() + timedelta(seconds=1)) == {1}

    def test_held_out_frames_come_back_with_the_video(self, ledger):
        ledger.hold_out(2, [9], [9], "lea")
        ledger.exclude_video(2, "lea")
        assert ledger.requests(purpose="holdout", status="open") == []
        ledger.include_video(2, "lea")
        assert [r.frame.frame_idx for r in ledger.requests(purpose="holdout", status="open")] == [9]

    def test_twice_and_what_is_not_there(self, ledger):
        ledger.exclude_video(1, "lea")
        with pytest.raises(LedgerConflict, match="excluded already"):
            ledger.exclude_video(1, "lea")
        with pytest.raises(LedgerConflict, match="the video is not excluded"):
            ledger.include_video(2, "lea")
        with pytest.raises(UnknownName, match="unknown video '7'"):
            ledger.exclude_video(7, "lea")

    def test_coverage_leaves_it_out_of_rounds_that_end_later(self, ledger):
        assert ledger.coverage()[0]["n_frames"] == 24
        ledger.exclude_video(1, "lea")
        assert ledger.coverage()[0]["n_frames"] == 12
        ledger.finish_round(1, "")
        ledger.include_video(1, "lea")
        assert ledger.coverage()[0]["n_frames"] == 12


class TestTheQueue:
    def test_videos_of_a_higher_priority_come_first(self, ledger):
        ledger.set_priority(2, 3, "lea")
        assert [claim(ledger, "ann"), claim(ledger, "bob")] == [(2, 0), (2, 5)]

    def test_a_lower_priority_than_usual_comes_last(self, ledger):
        ledger.set_priority(1, -1, "lea")
        assert claim(ledger, "ann") == (2, 0)

    def test_an_assigned_video_goes_to_its_people_only(self, ledger):
        ledger.assign_video(1, ["bob"], "lea")
        got = []
        while (frame := claim(ledger, "ann")) is not None:
            got.append(frame)
            answer(ledger, "ann")
        assert got == [(2, 0), (2, 5)]
        assert claim(ledger, "bob") == (1, 0)

    def test_a_lead_gets_what_is_flagged_of_somebody_elses_video(self, ledger):
        ledger.assign_video(1, ["bob"], "lea")
        claim(ledger, "bob")
        task = ledger.task_of("bob")
        ledger.flag(task.question.request.request_id, "bob", task.lease, "odd")
        assert claim(ledger, "lea") == (1, 0)

    def test_skipped_by_all_of_its_people_it_is_flagged(self, ledger):
        ledger.assign_video(1, ["bob"], "lea")
        claim(ledger, "bob")
        task = ledger.task_of("bob")
        ledger.skip(task.question.request.request_id, "bob", task.lease, "odd")
        assert ledger.flagged() == 1

    def test_without_its_people_it_is_everybodys(self, ledger):
        ledger.assign_video(1, ["bob"], "lea")
        ledger.revoke_annotator("bob")
        assert claim(ledger, "ann") == (1, 0)

    def test_assigned_to_nobody_it_is_everybodys_and_people_must_be_known(self, ledger):
        ledger.assign_video(1, ["bob"], "lea")
        with pytest.raises(UnknownName, match="bobby"):
            ledger.assign_video(1, ["bobby"], "lea")
        assert ledger.video_cares()[1].assignees == ("bob",)
        ledger.assign_video(1, [], "lea")
        assert ledger.video_cares()[1].assignees == ()
