"""Answers, and the labels that follow from them."""

from dataclasses import replace

import numpy as np
import pytest

from al_core.errors import BadLabel
from al_core.masks.rle import encode
from al_core.records import (
    Answer,
    FrameLabel,
    FrameRef,
    Gesture,
    LabelKind,
    LabelRequest,
    MaskLabel,
)
from tests.toys.ledgers import SQUARE, asked, chosen, ledger_with_clip, mask_answer, square


@pytest.fixture
def ledger(tmp_path):
    """A ledger with one clip."""
    return ledger_with_clip(tmp_path)


def test_asking_twice_is_asking_once(ledger):
    asked(ledger, 3, 7)
    assert ledger.put_requests([LabelRequest.of(1, chosen(3))]) == 0
    assert [r.frame.frame_idx for r in ledger.requests(1, "open")] == [3, 7]


def test_an_answer_counts_once(ledger):
    (request,) = asked(ledger, 3)
    assert ledger.put_answer(mask_answer(request))
    assert not ledger.put_answer(mask_answer(request))
    assert ledger.human_effort() == [(1, 1, 80.0)]
    (label,) = ledger.human_labels()
    assert label.frame == FrameRef(1, 3)
    assert label.masks[0].rle == square()
    assert ledger.requests(1, "open") == []


def test_the_newest_revision_counts_and_older_ones_can_be_seen_again(ledger):
    (request,) = asked(ledger, 3)
    ledger.put_answer(mask_answer(request, "first"))
    before = ledger.newest_answer_at(1)
    ledger.put_answer(mask_answer(request, "second", encode(~SQUARE)))
    assert ledger.human_labels()[0].masks[0].rle == encode(~SQUARE)
    assert ledger.human_labels(as_of=before)[0].masks[0].rle == square()


def test_a_frame_that_was_asked_again_has_one_label(ledger):
    ledger.put_answer(mask_answer(asked(ledger, 3)[0], "first"))
    ledger.put_answer(mask_answer(asked(ledger, 3, round_id=2)[0], "second", encode(~SQUARE)))
    (label,) = ledger.human_labels()
    assert label.masks[0].rle == encode(~SQUARE)
    assert ledger.human_labels(up_to_round=1)[0].masks[0].rle == square()


def test_nothing_here_is_a_label(ledger):
    (request,) = asked(ledger, 3)
    answer = mask_answer(request)
    ledger.put_answer(replace(answer, label=FrameLabel(request.frame, ())))
    assert ledger.human_labels() == [FrameLabel(FrameRef(1, 3), ())]


def test_what_is_said_of_an_object_beside_its_mask_is_kept(ledger):
    (request,) = asked(ledger, 3)
    said = MaskLabel(1, 1, square(), attributes=("occluded", "truncated"))
    ledger.put_answer(replace(mask_answer(request), label=FrameLabel(request.frame, (said,))))
    (label,) = ledger.human_labels()
    (given,) = ledger.answers_given()
    assert [m.attributes for m in (*label.masks, *given.answer.label.masks)] == [said.attributes] * 2
    # It is no part of what a label says.
    assert label.masks == (MaskLabel(1, 1, square()),)


def test_masks_that_were_only_rejected_take_time_and_label_nothing(ledger):
    (request,) = asked(ledger, 3)
    nothing = FrameLabel(request.frame, ())
    ledger.put_answer(Answer("a1", request.request_id, nothing, LabelKind.REJECT, 2.0, "ann"))
    assert ledger.human_labels() == []
    assert ledger.human_effort() == [(1, 0, 2.0)]


def test_a_rejection_does_not_replace_what_is_known(ledger):
    ledger.put_answer(mask_answer(asked(ledger, 3)[0], "first"))
    (again,) = asked(ledger, 3, round_id=2)
    ledger.put_answer(Answer("a2", again.request_id, FrameLabel(again.frame, ()), LabelKind.REJECT, 2.0, "ann"))
    assert [label.masks[0].rle for label in ledger.human_labels()] == [square()]


def test_times_are_those_of_the_newest_answers(ledger):
    first, second, third = asked(ledger, 3, 7, 9)
    ledger.put_answer(mask_answer(first, "a"))
    ledger.put_answer(replace(mask_answer(first, "b"), seconds=40.0))
    both = FrameLabel(second.frame, (MaskLabel(1, 1, square()), MaskLabel(2, 1, square()), MaskLabel(0, 0, square())))
    ledger.put_answer(Answer("c", second.request_id, both, LabelKind.CLICK, 9.0, "ann"))
    ledger.put_answer(Answer("d", third.request_id, FrameLabel(third.frame, ()), LabelKind.ABSENT, 3.0, "ann"))
    assert ledger.answer_times() == [
        (LabelKind.MASK, 40.0, 1),
        (LabelKind.CLICK, 9.0, 2),
        (LabelKind.ABSENT, 3.0, 0),
    ]


def test_a_question_keeps_its_kind(ledger):
    selected = replace(chosen(3), kind=LabelKind.SCRIBBLE)
    ledger.put_selection(1, "value", [selected])
    assert ledger.selection(1) == [selected]
    ledger.put_requests([LabelRequest.of(1, selected)])
    assert ledger.requests()[0].kind is LabelKind.SCRIBBLE


def test_an_answer_to_no_question_is_refused(ledger):
    with pytest.raises(BadLabel, match="no request"):
        ledger.put_answer(mask_answer(LabelRequest.of(1, chosen(3))))


def test_a_mask_of_another_size_is_refused_and_nothing_is_stored(ledger):
    (request,) = asked(ledger, 3)
    with pytest.raises(BadLabel, match=r"frame is 4x4 .* mask is 5x5"):
        ledger.put_answer(mask_answer(request, rle=encode(np.ones((5, 5), bool))))
    assert ledger.human_labels() == []
    assert len(ledger.requests(1, "open")) == 1


class TestPartly:
    """Answers that say where some objects are, and nothing of others."""

    def partly(self, request, answer_id, masks=(), absent=()):
        """Somebody confirmed some objects."""
        label = FrameLabel(request.frame, masks, complete=False, absent=absent)
        gestures = tuple(Gesture("accept", mask.track_id) for mask in masks)
        return Answer(answer_id, request.request_id, label, LabelKind.ACCEPT, 2.0, "ann", gestures)

    def test_what_was_named_is_known_and_the_frame_is_asked_for_again(self, ledger):
        first, _ = asked(ledger, 3, 7)
        ledger.put_answer(self.partly(first, "a1", (MaskLabel(1, 1, square()),), absent=(4,)))
        (label,) = ledger.human_labels()
        assert (label.complete, label.tracks, label.absent) == (False, {1, 4}, (4,))
        assert ledger.asked_frames(2)["frame_idx"].tolist() == [7]
        assert ledger.human_effort() == [(1, 0, 2.0)]

    def test_so_is_a_frame_whose_masks_were_rejected(self, ledger):
        (request,) = asked(ledger, 3)
        ledger.put_answer(Answer("a1", request.request_id, FrameLabel(request.frame, ()), LabelKind.REJECT, 2.0, "ann"))
        assert ledger.asked_frames(2)["frame_idx"].tolist() == []
        ledger.put_answer(mask_answer(asked(ledger, 3, round_id=2)[0], "a2"))
        assert ledger.asked_frames(3)["frame_idx"].tolist() == [3]

    def test_later_answers_add_to_what_is_known(self, ledger):
        one, two = (MaskLabel(t, 1, encode(SQUARE if t == 1 else ~SQUARE)) for t in (1, 2))
        ledger.put_answer(self.partly(asked(ledger, 3)[0], "a1", (one,), absent=(2,)))
        ledger.put_answer(self.partly(asked(ledger, 3, round_id=2)[0], "a2", (two,)))
        (label,) = ledger.human_labels()
        assert (label.masks, label.complete, label.absent) == ((one, two), False, ())
        (label,) = ledger.human_labels(up_to_round=1)
        assert (label.masks, label.absent) == ((one,), (2,))

    def test_a_complete_answer_replaces_older_ones_and_newer_ones_correct_it(self, ledger):
        whole = mask_answer(asked(ledger, 3, round_id=2)[0], "a2")
        ledger.put_answer(self.partly(asked(ledger, 3)[0], "a1", (MaskLabel(9, 1, square()),)))
        ledger.put_answer(whole)
        assert ledger.human_labels() == [whole.label]
        moved = MaskLabel(1, 1, encode(~SQUARE))
        ledger.put_answer(self.partly(asked(ledger, 3, round_id=3)[0], "a3", (moved,)))
        assert ledger.human_labels() == [FrameLabel(FrameRef(1, 3), (moved,))]
        assert ledger.human_effort() == [(1, 0, 2.0), (2, 1, 80.0), (3, 0, 2.0)]

    def test_a_mask_says_what_came_to_it(self, ledger):
        """Of what was shown one object was drawn on and one was left; of the one that was refused nothing is known."""
        first, second = asked(ledger, 3, 7)
        masks = (MaskLabel(1, 1, square()), MaskLabel(2, 1, encode(~SQUARE)))
        drawn = (Gesture("brush", 2), Gesture("accept", 1))
        ledger.put_answer(
            Answer("a1", first.request_id, FrameLabel(first.frame, masks), LabelKind.MASK, 9.0, "ann", drawn)
        )
        ledger.put_answer(replace(mask_answer(second, "a2"), kind=LabelKind.BOX))
        one, other = ledger.human_labels()
        assert [m.kind for m in one.masks] == [LabelKind.ACCEPT, LabelKind.MASK]
        assert [m.kind for m in other.masks] == [LabelKind.BOX]

    @pytest.mark.parametrize(
        ("kind", "gestures", "comes"),
        [
            (LabelKind.ACCEPT, [Gesture("click", 1, taken_back=True)], LabelKind.CLICK),
            (LabelKind.ACCEPT, [Gesture("brush", 1)], LabelKind.CLICK),
            (LabelKind.MASK, [Gesture("brush", 1, taken_back=True), Gesture("brush", 2)], LabelKind.CLICK),
            (LabelKind.MASK, [Gesture("brush", 1, taken_back=True), Gesture("brush", 1)], LabelKind.MASK),
            (LabelKind.ACCEPT, [Gesture("accept", 1)], LabelKind.ACCEPT),
            (LabelKind.ACCEPT, [], LabelKind.ACCEPT),
        ],
    )
    def test_a_mask_that_somebody_tried_to_mend_and_let_be_was_not_accepted(self, ledger, kind, gestures, comes):
        (request,) = asked(ledger, 3)
        masks = (MaskLabel(1, 1, square()), MaskLabel(2, 1, encode(~SQUARE)))
        label = FrameLabel(request.frame, masks)
        ledger.put_answer(Answer("a1", request.request_id, label, kind, 9.0, "ann", tuple(gestures)))
        assert ledger.human_labels()[0].masks[0].kind is comes

    def test_gestures_are_kept_as_they_were_made(self, ledger):
        (request,) = asked(ledger, 3)
        corners = ((1.5, 0.0), (3.0, 2.25))
        made = (Gesture("box", 1, True, corners), Gesture("tag", 2, False), Gesture("click", 1, taken_back=True))
        ledger.put_answer(replace(mask_answer(request), gestures=made))
        ledger.put_answer(replace(mask_answer(asked(ledger, 5)[0], "a2"), gestures=None))
        assert [given.answer.gestures for given in ledger.answers_given()] == [made, None]
