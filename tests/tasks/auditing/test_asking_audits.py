"""Audits are drawn once from each delivery, where somebody can answer them."""

import pytest

from al_core.audit.audit_records import Grade
from al_core.masks.rle import encode
from al_core.records import FrameLabel, FrameRef, MaskLabel
from al_core.settings import Settings
from tasks.auditing.asking_audits import draw_audit, n_open
from tasks.auditing.round_estimates import estimates_now
from tasks.steps.context import RoundContext
from tests.toys.labelled_project import copied, finished_project, mask_at


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("finished"))


def test_a_delivery_is_drawn_from_once(finished, tmp_path):
    project, ledger, _ = copied(finished, tmp_path)
    context = RoundContext.open(project, 2)
    asked = draw_audit(context)
    assert asked == n_open(ledger) > 0
    assert draw_audit(context) == asked
    assert len(ledger.audit_samples(2)) == 1
    assert n_open(ledger) == asked


def test_a_delivery_that_is_soon_replaced_is_asked_about_for_a_share_of_the_labels(finished, tmp_path):
    project, ledger, _ = copied(finished, tmp_path)
    context = RoundContext.open(project, 2)
    # A round of this project is one label of 80 seconds, of which too few questions could be paid.
    assert draw_audit(context, counts=False) == 0
    assert ledger.audit_samples(2) == []
    # Where nothing is known that a target could be held against, it is asked about anyhow.
    assert draw_audit(context, counts=None) > 0
    assert ledger.audit_samples(2)[0].asked == (60, 8, 20)
    asked = n_open(ledger)
    assert draw_audit(context, counts=False) == asked


def test_the_simulated_annotator_answers_from_truth(finished, tmp_path):
    project, ledger, _ = copied(finished, tmp_path)
    truth = [FrameLabel(FrameRef(1, i), (MaskLabel(1, 1, encode(mask_at(i))),)) for i in range(6)]
    ledger.add_truth(1, truth)
    changed = {"annotator.backend": "simulated", "audit.simulated": True, "annotator.judgement_error": 0}
    ledger.begin_round(Settings().changed(changed))
    ledger.put_delivered(3, 1, ledger.delivered_paths(2)[1], 5, [])
    draw_audit(RoundContext.open(project, 3))
    assert n_open(ledger) == 0
    (found,) = estimates_now(project, ledger)
    assert found.of("good", Grade.JUDGED).value == 1
    assert found.of("jf", Grade.MEASURED).value == 1
    # Nothing was delivered for the last of the frames that nobody labelled.
    missed = found.of("missed", Grade.JUDGED)
    assert missed.value == pytest.approx(100 / missed.population)
