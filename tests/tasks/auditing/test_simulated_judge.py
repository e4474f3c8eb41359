"""The simulated annotator answers an audit from truth."""

import numpy as np
import pytest

from al_core.audit.audit_records import Grade
from al_core.masks.rle import encode
from al_core.records import FrameLabel, FrameRef, MaskLabel
from al_core.settings import Settings
from tasks.auditing.samples import answers_of
from tasks.auditing.simulated_judge import answer_audit
from tasks.steps.context import RoundContext
from tests.toys.audits.answering import drawn
from tests.toys.labelled_project import deliver, finished_project, mask_at


@pytest.fixture
def judged(tmp_path):
    """Answers to an audit by truth, of which one object lies elsewhere than what was delivered, and one frame has
    none."""
    project, ledger, _ = finished_project(tmp_path)
    ledger.begin_round(Settings().changed({"annotator.backend": "simulated", "annotator.judgement_error": 0}))
    deliver(project, ledger, 3)
    shapes = {i: mask_at(i) for i in range(1, 5)} | {4: np.roll(mask_at(4), 12, axis=1)}
    ledger.add_truth(1, [FrameLabel(FrameRef(1, i), (MaskLabel(1, 1, encode(m)),)) for i, m in shapes.items()])
    sample = drawn(project, ledger, 3, blind=9, frames=9)
    assert answer_audit(RoundContext.open(project, 3), sample) == len(ledger.answers_given(purpose="audit"))
    return answers_of(project, ledger, sample)


def test_it_judges_by_the_overlap_that_is_asked_for(judged):
    good = {key.frame_idx: said.good for key, said in judged.items() if said.good is not None}
    assert good[4] is False
    assert all(good[i] for i in good if i != 4)


def test_what_it_draws_is_measured(judged):
    drawn_ones = {key.frame_idx: said.j for key, said in judged.items() if key.grade is Grade.MEASURED}
    assert drawn_ones[4] == 0
    assert all(drawn_ones[i] == 1 for i in drawn_ones if i != 4)


def test_it_sees_what_has_no_mask_and_says_nothing_where_there_is_no_truth(judged):
    missed = {key.frame_idx: said.missed for key, said in judged.items() if said.missed is not None}
    assert missed[4] == 1
    assert missed[2] == 0
    assert 5 not in missed
