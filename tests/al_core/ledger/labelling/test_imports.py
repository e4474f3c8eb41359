"""What an import leaves in the ledger."""

import pytest

from al_core.errors import LedgerConflict
from al_core.records import FrameLabel, FrameRef, Identities, LabelKind, MaskLabel
from al_core.settings import Settings
from tests.toys.ledgers import asked, import_tables, ledger_with_clip, mask_answer, square


@pytest.fixture
def ledger(tmp_path):
    ledger = ledger_with_clip(tmp_path)
    with ledger.owned():
        yield ledger


def put(ledger, *indices, purpose="label", category="object", **more):
    """Import a square in each of these frames."""
    tables = import_tables(*indices, category=category)
    return ledger.put_import(purpose, "kim", ["old.json"], **tables, **more)


def label(index, category_id=1):
    return FrameLabel(FrameRef(1, index), (MaskLabel(1, category_id, square()),))


def test_imported_labels_are_labels_of_their_author_in_no_known_time(ledger):
    assert put(ledger, 2, 5) == 1
    assert ledger.human_labels() == [label(2), label(5)]
    given = [g.answer for g in ledger.answers_given()]
    assert [(a.annotator, a.seconds, a.kind) for a in given] == [("kim", None, LabelKind.MASK)] * 2
    assert ledger.answer_times() == []
    assert ledger.human_effort() == [(0, 2, 0)]
    (found,) = ledger.imports()
    assert (found.purpose, found.files, found.author, found.n_frames) == ("label", ("old.json",), "kim", 2)
    assert [(e.who, e.action, e.detail) for e in ledger.audit_log()] == [("kim", "submit", "mask")] * 2


def test_no_round_waits_for_them_or_asks_for_their_frames(ledger):
    put(ledger, 2)
    ledger.begin_round(Settings())
    assert ledger.requests(1) == []
    assert ledger.waiting(1).open == 0
    assert ledger.asked_frames(1)["frame_idx"].tolist() == [2]


def test_they_count_as_human_frames_from_the_round_that_ends_after_they_came(ledger):
    put(ledger, 2)
    ledger.begin_round(Settings())
    ledger.finish_round(1, None)
    put(ledger, 5, 6)
    ledger.begin_round(Settings())
    ledger.put_answer(mask_answer(asked(ledger, 5, round_id=2)[0]))
    counts = [(e["human_frames"], e["imported"], e["human_seconds"]) for e in ledger.coverage()]
    assert counts == [(1, 1, 0), (3, 2, 80)]
    assert ledger.imported_frames()["frame_idx"].tolist() == [2, 6]


def test_a_frame_that_has_a_label_refuses_the_whole_import(ledger):
    put(ledger, 2)
    with pytest.raises(LedgerConflict, match="1 of these frames were labelled"):
        put(ledger, 1, 2)
    assert ledger.human_labels() == [label(2)]
    assert len(ledger.imports()) == 1


def test_taken_back_it_can_be_imported_again(ledger):
    put(ledger, 2)
    (standing,) = ledger.standing_answers()
    assert ledger.withdraw([standing.answer_id], "lead", "") == 1
    assert ledger.human_labels() == []
    assert ledger.requests(status="withdrawn")[0].frame.frame_idx == 2
    put(ledger, 2)
    assert ledger.human_labels() == [label(2)]


def test_new_categories_come_with_their_masks(ledger):
    put(ledger, 2, category="owl", categories=["owl"])
    assert ledger.human_labels() == [label(2, 2)]
    assert ledger.categories() == {1: "object", 2: "owl"}


def test_a_video_may_lose_its_lasting_numbers(ledger):
    put(ledger, 2, unnumbered=[1])
    assert ledger.videos()[0].identities is Identities.PER_FRAME


def test_held_out_labels_teach_nobody(ledger):
    put(ledger, 2, purpose="holdout")
    assert ledger.human_labels() == []
    assert ledger.human_labels(purpose="holdout") == [label(2)]
    assert ledger.holdout_frames()["frame_idx"].tolist() == [2]
    assert ledger.asked_frames(1)["frame_idx"].tolist() == []


def test_prelabels_count_as_nothing_and_the_newest_holds(ledger):
    put(ledger, 2, 3, purpose="prelabel")
    put(ledger, 3, purpose="prelabel", category="owl", categories=["owl"])
    assert ledger.human_labels() == []
    frames = [FrameRef(1, i) for i in (2, 3, 4)]
    assert ledger.prelabels(frames) == {frames[0]: label(2), frames[1]: label(3, 2)}
    first, last = (given.imported_at for given in ledger.imports())
    assert ledger.prelabels(frames, since=first) == {frames[1]: label(3, 2)}
    assert ledger.prelabels(frames, since=last) == {}
