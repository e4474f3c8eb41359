from dataclasses import replace

import numpy as np
import pytest

from al_core.errors import BadLabel, LedgerConflict, UnknownName
from al_core.masks.rle import encode
from al_core.records import (
    Answer,
    FrameLabel,
    FrameRef,
    LabelKind,
    LabelRequest,
    MaskLabel,
    Provenance,
    QualityRow,
)
from al_core.settings import Settings
from tests.toys.ledgers import SQUARE, chosen, clip, frame_rows, ledger_with_clip, mask_answer, square, times_us


@pytest.fixture
def ledger(tmp_path):
    return ledger_with_clip(tmp_path)


def asked(ledger, *frame_indices, round_id=1):
    """Requests of a round for these frames, stored."""
    requests = [LabelRequest.of(round_id, chosen(i, rank)) for rank, i in enumerate(frame_indices)]
    ledger.put_requests(requests)
    return requests


class TestVideos:
    def test_a_video_comes_back_as_it_was_stored(self, ledger):
        (video,) = ledger.videos()
        assert (video.name, video.n_frames, video.video_id) == ("clip", 12, 1)
        assert str(video.fps) == "30000/1001"
        assert ledger.frame_times_us(1).tolist() == times_us().tolist()

    def test_the_same_content_is_stored_once(self, ledger):
        assert ledger.add_video(clip(), times_us()) is None
        assert len(ledger.videos()) == 1

    def test_another_content_of_the_same_name_gets_a_number(self, ledger):
        stored = ledger.add_video(replace(clip(), sha256="f" * 64), times_us())
        assert stored.name == "clip-2"

    def test_an_unknown_video_lists_the_known_ones(self, ledger):
        with pytest.raises(UnknownName, match="known: clip"):
            ledger.video("clpi")

    def test_categories_are_numbered_from_one_and_kept(self, ledger):
        assert ledger.add_categories(["car", "object"]) == {"object": 1, "car": 2}
        assert ledger.categories() == {1: "object", 2: "car"}

    def test_truth_tells_nothing_here_from_unknown(self, tmp_path):
        ledger = ledger_with_clip(tmp_path / "other", with_truth=False)
        truth = [FrameLabel(FrameRef(0, 0), (MaskLabel(1, 1, square()),)), FrameLabel(FrameRef(0, 3), ())]
        stored = ledger.add_video(replace(clip("sparse"), sha256="e" * 64), times_us(), truth)
        known = ledger.truth(stored.video_id)
        assert list(known) == [0, 3]
        assert known[0].masks[0].rle == square()
        assert known[3].masks == ()


class TestRounds:
    def test_an_unfinished_round_is_taken_up_with_its_own_settings(self, ledger):
        first = ledger.begin_round(Settings(seed=1))
        again = ledger.begin_round(Settings(seed=2))
        assert first.round_id == again.round_id == 1
        assert again.settings.seed == 1

    def test_the_next_round_begins_when_the_last_is_finished(self, ledger):
        ledger.begin_round(Settings())
        ledger.finish_round(1, None)
        assert ledger.begin_round(Settings()).round_id == 2

    def test_why_a_campaign_ended_is_kept(self, ledger):
        ledger.begin_round(Settings())
        ledger.finish_round(1, "4 rounds are done")
        assert ledger.last_round().stop_reason == "4 rounds are done"

    def test_a_step_is_done_once(self, ledger):
        assert ledger.begin_step(1, "train", "a") is None
        ledger.finish_step(1, "train", {"checkpoint": "x.pth"}, 1.5)
        assert ledger.begin_step(1, "train", "a").result == {"checkpoint": "x.pth"}
        with pytest.raises(LedgerConflict, match="finished already"):
            ledger.finish_step(1, "train", {}, 1.0)

    def test_a_step_that_died_is_begun_again(self, ledger):
        ledger.begin_step(1, "train", "a")
        assert ledger.begin_step(1, "train", "a") is None
        assert ledger.step(1, "train").attempts == 2

    def test_a_finished_step_refuses_other_inputs(self, ledger):
        ledger.begin_step(1, "train", "a")
        ledger.finish_step(1, "train", {}, 1.0)
        with pytest.raises(LedgerConflict, match="other inputs"):
            ledger.begin_step(1, "train", "b")


class TestAnswers:
    def test_asking_twice_is_asking_once(self, ledger):
        asked(ledger, 3, 7)
        assert ledger.put_requests([LabelRequest.of(1, chosen(3))]) == 0
        assert [r.frame.frame_idx for r in ledger.requests(1, "open")] == [3, 7]

    def test_an_answer_counts_once(self, ledger):
        (request,) = asked(ledger, 3)
        assert ledger.put_answer(mask_answer(request))
        assert not ledger.put_answer(mask_answer(request))
        assert ledger.human_effort() == [(1, 1, 80.0)]
        (label,) = ledger.human_labels()
        assert label.frame == FrameRef(1, 3)
        assert label.masks[0].rle == square()
        assert ledger.requests(1, "open") == []

    def test_the_newest_revision_counts_and_older_ones_can_be_seen_again(self, ledger):
        (request,) = asked(ledger, 3)
        ledger.put_answer(mask_answer(request, "first"))
        before = ledger.newest_answer_at(1)
        ledger.put_answer(mask_answer(request, "second", encode(~SQUARE)))
        assert ledger.human_labels()[0].masks[0].rle == encode(~SQUARE)
        assert ledger.human_labels(as_of=before)[0].masks[0].rle == square()

    def test_a_frame_that_was_asked_again_has_one_label(self, ledger):
        ledger.put_answer(mask_answer(asked(ledger, 3)[0], "first"))
        ledger.put_answer(mask_answer(asked(ledger, 3, round_id=2)[0], "second", encode(~SQUARE)))
        (label,) = ledger.human_labels()
        assert label.masks[0].rle == encode(~SQUARE)
        assert ledger.human_labels(up_to_round=1)[0].masks[0].rle == square()

    def test_nothing_here_is_a_label(self, ledger):
        (request,) = asked(ledger, 3)
        answer = mask_answer(request)
        ledger.put_answer(replace(answer, label=FrameLabel(request.frame, ())))
        assert ledger.human_labels() == [FrameLabel(FrameRef(1, 3), ())]

    def test_masks_that_were_only_rejected_take_time_and_label_nothing(self, ledger):
        (request,) = asked(ledger, 3)
        nothing = FrameLabel(request.frame, ())
        ledger.put_answer(Answer("a1", request.request_id, nothing, LabelKind.REJECT, 2.0, "ann"))
        assert ledger.human_labels() == []
        assert ledger.human_effort() == [(1, 0, 2.0)]

    def test_a_rejection_does_not_replace_what_is_known(self, ledger):
        ledger.put_answer(mask_answer(asked(ledger, 3)[0], "first"))
        (again,) = asked(ledger, 3, round_id=2)
        ledger.put_answer(Answer("a2", again.request_id, FrameLabel(again.frame, ()), LabelKind.REJECT, 2.0, "ann"))
        assert [label.masks[0].rle for label in ledger.human_labels()] == [square()]

    def test_times_are_those_of_the_newest_answers(self, ledger):
        first, second, third = asked(ledger, 3, 7, 9)
        ledger.put_answer(mask_answer(first, "a"))
        ledger.put_answer(replace(mask_answer(first, "b"), seconds=40.0))
        both = FrameLabel(
            second.frame, (MaskLabel(1, 1, square()), MaskLabel(2, 1, square()), MaskLabel(0, 0, square()))
        )
        ledger.put_answer(Answer("c", second.request_id, both, LabelKind.CLICK, 9.0, "ann"))
        ledger.put_answer(Answer("d", third.request_id, FrameLabel(third.frame, ()), LabelKind.ABSENT, 3.0, "ann"))
        assert ledger.answer_times() == [
            (LabelKind.MASK, 40.0, 1),
            (LabelKind.CLICK, 9.0, 2),
            (LabelKind.ABSENT, 3.0, 0),
        ]

    def test_a_question_keeps_its_kind(self, ledger):
        selected = replace(chosen(3), kind=LabelKind.SCRIBBLE)
        ledger.put_selection(1, "value", [selected])
        assert ledger.selection(1) == [selected]
        ledger.put_requests([LabelRequest.of(1, selected)])
        assert ledger.requests()[0].kind is LabelKind.SCRIBBLE

    def test_an_answer_to_no_question_is_refused(self, ledger):
        with pytest.raises(BadLabel, match="no request"):
            ledger.put_answer(mask_answer(LabelRequest.of(1, chosen(3))))

    def test_a_mask_of_another_size_is_refused_and_nothing_is_stored(self, ledger):
        (request,) = asked(ledger, 3)
        with pytest.raises(BadLabel, match=r"frame is 4x4 .* mask is 5x5"):
            ledger.put_answer(mask_answer(request, rle=encode(np.ones((5, 5), bool))))
        assert ledger.human_labels() == []
        assert len(ledger.requests(1, "open")) == 1


class TestPredictions:
    def test_predicting_again_replaces(self, ledger):
        ledger.put_predictions(1, 1, frame_rows([0.1, 0.2]), "a.parquet")
        ledger.put_predictions(1, 1, frame_rows([0.3, 0.4, 0.5]), "b.parquet")
        assert ledger.predictions(1)["uncertainty"].tolist() == pytest.approx([0.3, 0.4, 0.5])
        assert ledger.prediction_paths(1) == {1: "b.parquet"}

    def test_least_certain_skips_answered_frames_and_orders_ties_by_frame(self, ledger):
        ledger.put_predictions(1, 1, frame_rows([0.5, 0.9, 0.5, 0.1]), "a.parquet")
        ledger.put_answer(mask_answer(asked(ledger, 1)[0]))
        assert ledger.least_certain(1, 2)["frame_idx"].tolist() == [0, 2]


class TestCoverage:
    def test_coverage_counts_each_provenance_by_itself(self, ledger):
        ledger.begin_round(Settings())
        ledger.put_answer(mask_answer(asked(ledger, 3, 7)[0]))
        ledger.put_predictions(1, 1, frame_rows([0.5] * 12), "a.parquet")
        ledger.put_delivered(
            1, 1, "d.parquet", 12, [(Provenance.HUMAN, 1, 1, 1.0), (Provenance.PROPAGATED, 11, 11, 0.8)]
        )
        (row,) = ledger.coverage()
        assert (row["n_frames"], row["predicted"], row["requested"], row["answered"]) == (12, 12, 2, 1)
        assert (row["human_frames"], row["human_seconds"]) == (1, 80.0)
        assert row["delivered"] == {"human": (1, 1), "propagated": (11, 11)}
        assert ledger.frames_covered(1) == 12

    def test_human_frames_add_up_over_rounds(self, ledger):
        ledger.begin_round(Settings())
        ledger.put_answer(mask_answer(asked(ledger, 3)[0], "a"))
        ledger.finish_round(1, None)
        ledger.begin_round(Settings())
        ledger.put_answer(mask_answer(asked(ledger, 7, round_id=2)[0], "b"))
        assert [row["human_frames"] for row in ledger.coverage()] == [1, 2]
        assert ledger.human_effort() == [(1, 1, 80.0), (2, 1, 80.0)]


def test_quality_and_curves_are_replaced_not_doubled(ledger):
    for value in (0.5, 0.7):
        ledger.put_quality(1, 1, [(None, "all", "j", value, 11)])
        ledger.put_training_curve(1, [(1, value, 0.01)])
    assert ledger.quality(1) == [QualityRow(1, 1, None, "all", "j", 0.7, 11)]
    assert ledger.training_curve(1) == [(1, 0.7, 0.01)]
