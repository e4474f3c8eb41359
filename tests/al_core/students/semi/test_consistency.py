"""A student and its teacher judge the same proposals, and the teacher is left as it was."""

import copy
from typing import Any

import pytest
import torch

from al_core.errors import BadSettings
from al_core.settings import StudentSettings
from al_core.students.build import build_config, build_model
from al_core.students.semi import consistency
from al_core.students.semi.consistency import Consistency, look
from al_core.students.semi.ignored_regions import check_unlabelled
from al_core.students.semi.unlabelled import UnlabelledFrames, UnlabelledSample

PACK = [dict(type="RandomAffineMasks"), dict(type="PackDetInputs")]


@pytest.fixture(params=["one_stage", "two_stages"])
def detector(request: pytest.FixtureRequest) -> Any:
    """A detector with random weights, in training."""
    torch.manual_seed(0)
    return build_model(build_config(request.getfixturevalue(request.param), ["square"], 1).model).train()


@pytest.fixture
def batch(detector: Any, read_image: Any, samples: Any) -> Any:
    """Two frames of the toy as a detector takes them."""
    frames = UnlabelledFrames([UnlabelledSample(s.frame) for s in samples[:2]], [1], read_image, 64, PACK, 1, 2)
    items = [frames[0], frames[1]]
    return detector.data_preprocessor({name: [item[name] for item in items] for name in items[0]}, True)


def metas(batch: Any) -> list[dict[str, Any]]:
    return [consistency._plain_meta(sample.metainfo) for sample in batch["data_samples"]]


def test_the_teacher_is_left_as_it_was_and_the_student_gets_gradients(
    detector: Any, batch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consistency, "AN_OBJECT", 0.0)  # random weights are sure of nothing
    teacher = copy.deepcopy(detector).eval()
    before = copy.deepcopy(teacher.state_dict())
    losses = Consistency(detector, 1)(detector, teacher, batch, torch.Generator().manual_seed(1), None)
    sum(losses.values()).backward()
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    assert not any(module.training for module in teacher.modules())
    assert all(p.grad is None for p in teacher.parameters())
    assert any(p.grad is not None and p.grad.any() for p in detector.backbone.parameters())
    assert losses["loss_consistency"] > 0


def test_who_sees_no_object_teaches_nothing(detector: Any, batch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consistency, "AN_OBJECT", 1.1)
    teacher = copy.deepcopy(detector).eval()
    losses = Consistency(detector, 1)(detector, teacher, batch, torch.Generator().manual_seed(1), None)
    assert [float(loss.detach()) for loss in losses.values()] == [0, 0]


def test_views_that_show_the_same_agree(detector: Any, batch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consistency, "recoloured", lambda images, rng: images)
    monkeypatch.setattr(consistency, "mirrored", lambda values: values)
    monkeypatch.setattr(consistency, "mirrored_boxes", lambda boxes, width: boxes)
    with torch.no_grad():
        seen = look(detector.eval(), batch["inputs"], metas(batch), torch.Generator())
    assert float(seen.opinion.sensitivity.max()) == pytest.approx(0, abs=1e-5)


def test_what_is_said_of_mirrored_images_is_turned_back() -> None:
    one, other = torch.rand(2, 3, 4, 6), torch.rand(2, 3, 4, 6)
    assert torch.equal(
        consistency._points([one.flip(-1), other.flip(-1)], True), consistency._points([one, other], False)
    )
    assert consistency._points([one], False).shape == (2 * 24, 3)
    views = torch.cat([one, other, one.flip(-1), other.flip(-1)])
    assert torch.allclose(consistency._mean_over_views(views, 2), (one + other) / 2)


def test_students_of_several_second_stages_are_refused() -> None:
    cascade = StudentSettings(config="mmdet::cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco.py", unlabelled="mmt_psm")
    with pytest.raises(BadSettings, match="expected a student with one second stage"):
        check_unlabelled(cascade)
    check_unlabelled(cascade.model_copy(update={"unlabelled": "self"}))
