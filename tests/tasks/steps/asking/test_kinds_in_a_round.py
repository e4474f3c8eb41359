"""A round that asks for kinds of label: the choice, the question, the answer, and what the next round makes of it."""

import numpy as np
import pytest

from al_core.masks.rle import encode
from al_core.records import Answer, DeliveredMask, FrameLabel, LabelKind, MaskLabel, Provenance
from al_core.settings import Settings
from al_core.stores.delivered import write_delivered
from tasks.steps.context import RoundContext
from tasks.steps.request import request_labels
from tasks.steps.select import select_frames
from tests.toys.labelled_project import N_FRAMES, answer, mask_at, new_project, select

FEW = {"selection.frames_per_round": 2, "selection.min_gap": 1, "annotator.ahead": 0}


def second_round(folder, confidence, **changes):
    """Round 1 labelled a frame and delivered masks with this confidence; round 2 has chosen and asked."""
    project, ledger, _ = new_project(folder)
    with ledger.held():
        ledger.begin_round(Settings())
        answer(ledger, 1, select(ledger, 1))
        path = project.round_dir(1) / "delivered" / "00001.parquet"
        path.parent.mkdir(parents=True)
        whose = [Provenance.HUMAN] + [Provenance.PROPAGATED] * (N_FRAMES - 1)
        sure = [1.0] + [confidence] * (N_FRAMES - 1)
        masks = [DeliveredMask(i, 1, 1, whose[i], sure[i], encode(mask_at(i))) for i in range(N_FRAMES)]
        ledger.put_delivered(1, 1, project.relative(path), N_FRAMES, write_delivered(path, masks))
        ledger.finish_round(1, None)
        ledger.begin_round(Settings().changed(FEW | changes))
        context = RoundContext(project, ledger, 2)
        select_frames(context, np.random.default_rng(0))
        request_labels(context)
    return project, ledger


def test_a_yes_or_no_is_asked_for_where_masks_are_probably_right(tmp_path):
    _, ledger = second_round(tmp_path, 0.99, **{"annotator.kinds": ["accept", "mask"]})
    requests = ledger.requests(2)
    assert {r.kind for r in requests} == {LabelKind.ACCEPT}
    assert {s.kind for s in ledger.selection(2)} == {LabelKind.ACCEPT}


@pytest.mark.parametrize(("confidence", "kind"), [(0.99, LabelKind.MASK), (0.4, LabelKind.MASK)])
def test_who_allows_masks_only_is_asked_for_masks(tmp_path, confidence, kind):
    _, ledger = second_round(tmp_path, confidence, **{"annotator.kinds": ["mask"]})
    assert {r.kind for r in ledger.requests(2)} == {kind}


def test_other_back_ends_are_asked_for_masks(tmp_path):
    _, ledger = second_round(tmp_path, 0.99, **{"annotator.backend": "inbox"})
    assert {r.kind for r in ledger.requests(2)} == {LabelKind.MASK}


def test_what_was_confirmed_counts_for_the_next_round_and_what_was_not_is_asked_for_again(tmp_path):
    _, ledger = second_round(tmp_path, 0.99)
    yes, no = ledger.requests(2)
    label = FrameLabel(yes.frame, (MaskLabel(1, 1, encode(mask_at(yes.frame.frame_idx))),))
    ledger.put_answer(Answer("yes", yes.request_id, label, LabelKind.ACCEPT, 2.0, "ann"))
    nothing = FrameLabel(no.frame, (), complete=False)
    ledger.put_answer(Answer("no", no.request_id, nothing, LabelKind.REJECT, 2.0, "ann"))
    assert yes.frame in {found.frame for found in ledger.human_labels() if found.complete}
    asked = set(ledger.asked_frames(3)["frame_idx"].tolist())
    assert (yes.frame.frame_idx in asked, no.frame.frame_idx in asked) == (True, False)
