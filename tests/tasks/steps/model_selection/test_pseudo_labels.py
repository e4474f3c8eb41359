"""Masks that a student may learn from: a machine's, confident, of known categories, where nobody labelled."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from al_core.errors import BadCheckpoint
from al_core.project import Project
from al_core.records import DeliveredMask, FrameLabel, FrameRef, Provenance
from al_core.settings import Settings
from al_core.stores.delivered import write_delivered
from tasks.steps.context import Propagated
from tasks.steps.model_selection.pseudo_labels import nearness, pseudo_inputs, pseudo_labels
from tests.toys.ledgers import context_of, ledger_with_clip, square
from tests.toys.models.depth_networks import keep_depth

SELF = {"student.unlabelled": "self"}


def mask(frame_idx, confidence=0.9, track_id=1, provenance=Provenance.PROPAGATED, category_id=1):
    return DeliveredMask(frame_idx, track_id, category_id, provenance, confidence, square())


@pytest.fixture
def delivered(tmp_path):
    """Gives the context of a second round after a first one that delivered some masks."""
    ledger = ledger_with_clip(tmp_path)
    project = Project.at(tmp_path)

    def make(masks, changes=SELF, labelled=()):
        settings = Settings().changed(changes)
        ledger.begin_round(settings)
        path = project.round_dir(1) / "delivered" / "00001.parquet"
        summary = write_delivered(path, iter(masks))
        ledger.put_delivered(1, 1, project.relative(path), 1, summary, [])
        ledger.begin_step(1, "propagate", "a")
        ledger.finish_step(1, "propagate", Propagated(1, {}, {"1": "f" * 64}).to_json(), 1.0)
        labels = [FrameLabel(FrameRef(1, i), ()) for i in labelled]
        return context_of(project, ledger, 2, settings, labels_collected=labels, frames=SimpleNamespace(read=None))

    return make


def test_confident_masks_of_the_machine_are_believed(delivered):
    masks = [
        *(mask(1, 0.95), mask(1, 0.85, 2, Provenance.TEACHER), mask(1, 0.3, 3)),
        *(mask(2, 0.79), mask(3, 1.0, provenance=Provenance.HUMAN), mask(4, 0.9, category_id=7)),
        mask(5, 0.8),
    ]
    one, other = pseudo_labels(delivered(masks))
    assert (one.frame, [m.track_id for m in one.masks]) == (FrameRef(1, 1), [1, 2])
    assert one.masks[0].rle == square()
    # What is missing to certainty, of all masks of the frame.
    assert one.weight == pytest.approx((0.05 + 0.15 + 0.7) / 3)
    assert other.frame == FrameRef(1, 5)


def test_frames_that_people_labelled_are_left_out(delivered):
    assert [s.frame.frame_idx for s in pseudo_labels(delivered([mask(1), mask(2)], labelled=[1]))] == [2]


def test_how_confident_is_a_setting(delivered):
    context = delivered([mask(1, 0.6)], SELF | {"student.unlabelled_confidence": 0.5})
    assert len(pseudo_labels(context)) == 1


def test_who_learns_from_labels_alone_depends_on_nothing_delivered(delivered):
    context = delivered([mask(1)], {})
    assert (pseudo_labels(context), pseudo_inputs(context)) == ([], {})


def test_the_step_depends_on_what_was_delivered(delivered):
    context = delivered([mask(1)])
    assert pseudo_inputs(context) == {"delivered": {"1": "f" * 64}}


def test_before_the_first_delivery_there_is_nothing(tmp_path):
    ledger = ledger_with_clip(tmp_path)
    context = context_of(Project.at(tmp_path), ledger, 1, Settings().changed(SELF), labels_collected=[])
    assert (pseudo_labels(context), pseudo_inputs(context)) == ([], {"delivered": {}})


def test_a_mask_without_any_doubt_leaves_nothing_to_expect(delivered):
    (one,) = pseudo_labels(delivered([replace(mask(1), confidence=1.0)]))
    assert one.weight == 0


def test_who_agrees_with_a_teacher_takes_every_frame_that_nobody_labelled(delivered):
    context = delivered([mask(1, 0.95), mask(3, 0.2)], {"student.unlabelled": "mmt_psm"}, labelled=[0, 2])
    found = pseudo_labels(context)
    assert [s.frame.frame_idx for s in found] == [1, *range(3, 12)]
    assert [round(s.weight, 2) for s in found[:3]] == [0.05, 0.8, 1.0]
    assert not any(s.masks for s in found)


def test_frames_that_are_mixed_by_their_objects_have_their_sure_masks(delivered):
    context = delivered([mask(1, 0.95), mask(3, 0.2)], {"student.unlabelled": "mmt_psm", "student.mix": "class"})
    found = {s.frame.frame_idx: len(s.masks) for s in pseudo_labels(context)}
    assert (len(found), found[1], found[2], found[3]) == (12, 1, 0, 0)


def test_depth_is_that_of_the_project_and_the_step_depends_on_it(delivered):
    by_depth = SELF | {"student.mix": "depth", "student.device": "cpu"}
    context = delivered([mask(1)], by_depth)
    with pytest.raises(BadCheckpoint, match="student.mix: .* train it with: fewframes pretrain --depth"):
        pseudo_inputs(context)
    keep_depth(context.project, context.settings.student)
    assert pseudo_inputs(context) == {"delivered": {"1": "f" * 64}, "depth": "a" * 64}
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    context.frames.read = lambda frame: image
    near = nearness(context)
    assert near.source == "a" * 64
    assert near.read(FrameRef(1, 2)).shape == (40, 60)
    assert nearness(context_of(context.project, context.ledger, 2, Settings().changed(SELF))) is None
