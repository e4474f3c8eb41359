"""A student matches what a discriminator has of drawn masks, and learns from its own that pass for drawn."""

import copy
from typing import Any

import numpy as np
import pytest
import torch

from al_core.students.build import build_config, build_model
from al_core.students.dataset import LabelledFrames, TrainingSample
from al_core.students.semi import adversarial
from al_core.students.semi.adversarial import Adversarial, believed, drawn_windows
from al_core.students.semi.ignored_regions import ignore_regions
from al_core.students.semi.soft_objects import SoftObjects
from al_core.students.semi.unlabelled import UnlabelledFrames, UnlabelledSample

PACK = [dict(type="RandomAffineMasks"), dict(type="PackDetInputs")]


@pytest.fixture(params=["one_stage", "two_stages"])
def detector(request: pytest.FixtureRequest) -> Any:
    """A detector of two categories with random weights, in training."""
    torch.manual_seed(0)
    found: Any = build_model(build_config(request.getfixturevalue(request.param), ["square", "disk"], 1).model)
    ignore_regions(found)
    if hasattr(found, "roi_head"):
        found.roi_head.test_cfg.score_thr = 0.0  # random weights are sure of nothing
    return found.train()


@pytest.fixture
def batches(detector: Any, read_image: Any, samples: Any) -> tuple[Any, Any]:
    """Two unlabelled and two labelled frames of the toy as a detector takes them."""
    unlabelled = UnlabelledFrames([UnlabelledSample(s.frame) for s in samples[:2]], [1, 2], read_image, 64, PACK, 1, 2)
    labelled = LabelledFrames(
        [TrainingSample(s.frame, s.masks) for s in samples[2:4]], [1, 2], read_image, 64, PACK, 1, 2
    )
    return tuple(
        detector.data_preprocessor({name: [frames[0][name], frames[1][name]] for name in frames[0]}, True)
        for frames in (unlabelled, labelled)
    )


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_a_student_gets_gradients_and_the_discriminator_learns_only_after_it(detector: Any, batches: Any) -> None:
    batch, labelled = batches
    losses = Adversarial(detector, 1)
    before = copy.deepcopy(losses.state_dict())
    found = losses(detector, None, batch, rng(), labelled)
    assert set(found) == {"loss_match", "loss_absent"}
    found["loss_match"].backward()
    assert any(p.grad is not None and p.grad.any() for p in detector.backbone.parameters())
    assert all(torch.equal(before[name], value) for name, value in losses.state_dict().items())
    losses.after_step(batch, rng(), labelled)
    changed = {
        name.partition(".")[0] for name, value in losses.state_dict().items() if not torch.equal(before[name], value)
    }
    assert changed == {"discriminator", "tagger"}
    assert not any(p.requires_grad for p in losses.parameters())


def test_its_own_masks_are_learned_where_they_pass_for_drawn(
    detector: Any, batches: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adversarial, "SEEN", 0.0)
    monkeypatch.setattr(adversarial, "PASSES", 0.0)
    batch, labelled = batches
    found = Adversarial(detector, 1)(detector, None, batch, rng(), labelled)
    assert {"loss_cls", "loss_bbox", "loss_mask"} <= set(found)


def test_objects_of_a_category_that_a_frame_does_not_show_are_unlearned(
    detector: Any, batches: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adversarial, "SEEN", 0.0)
    monkeypatch.setattr(adversarial, "PASSES", 0.0)
    batch, labelled = batches
    losses = Adversarial(detector, 1)
    monkeypatch.setattr(losses.tagger, "absent", lambda images: torch.ones(len(images), 2, dtype=torch.bool))
    found = losses(detector, None, batch, rng(), labelled)
    assert set(found) == {"loss_match", "loss_absent"}
    assert float(found["loss_absent"].detach()) > 0


def test_a_student_that_sees_nothing_is_taught_nothing(
    detector: Any, batches: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adversarial, "MOST_OBJECTS", 0)
    batch, labelled = batches
    losses = Adversarial(detector, 1)
    found = losses(detector, None, batch, rng(), labelled)
    assert [float(value.detach()) for value in found.values()] == [0.0]
    before = losses.discriminator.judge.weight.clone()
    losses.after_step(batch, rng(), labelled)
    assert not torch.equal(before, losses.discriminator.judge.weight)


def test_what_was_kept_goes_on_to_the_same_bits(detector: Any, batches: Any) -> None:
    batch, labelled = batches

    def step(losses: Adversarial) -> None:
        losses(detector, None, batch, rng(), labelled)
        losses.after_step(batch, rng(), labelled)

    one, other = Adversarial(detector, 1), Adversarial(detector, 2)
    step(one)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    other.go_on(copy.deepcopy(one.kept()))
    step(one)
    step(other)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


def test_one_category_needs_no_classifier(one_stage: Any) -> None:
    found = Adversarial(build_model(build_config(one_stage, ["square"], 1).model), 1)
    assert found.tagger is None
    assert not found.kept()["taggers"]


def test_believed_objects_are_known_and_the_rest_of_the_frame_is_ignored(detector: Any, batches: Any) -> None:
    batch, _ = batches
    box = torch.tensor([[8.0, 8.0, 24.0, 24.0], [30.0, 30.0, 40.0, 40.0]])
    seen = SoftObjects(box, torch.tensor([1, 0]), torch.ones(2), torch.full((2, 1, 4, 4), 9.0), box)
    first, second = believed(
        batch["data_samples"],
        [seen, seen],
        [torch.tensor([True, False]), torch.tensor([False, False])],
        batch["inputs"],
    )
    height, width = second.img_shape
    assert first.gt_instances.bboxes.tolist() == [[8, 8, 24, 24]]
    assert first.gt_instances.labels.tolist() == [1]
    mine, rest = first.gt_instances.masks.masks[0], first.ignored_instances.masks.masks[0]
    assert mine[9:23, 9:23].all()
    assert mine.sum() <= 256
    assert np.array_equal(rest[:height, :width], 1 - mine[:height, :width])
    assert len(second.gt_instances) == 0
    assert second.ignored_instances.masks.masks.sum() == height * width


def test_what_people_drew_is_shown_at_several_places(batches: Any) -> None:
    _, labelled = batches
    shown = drawn_windows(labelled, rng(), copies=3)
    assert len(shown) == 3 * sum(len(s.gt_instances) for s in labelled["data_samples"])
    assert 0.2 < float(shown.masks.mean()) < 0.8
