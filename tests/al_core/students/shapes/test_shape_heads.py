"""Mask R-CNN for categories with boxes alone: their masks teach nothing, their boxes do, and they get masks too."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from al_core.errors import BadSettings
from al_core.masks.rle import encode
from al_core.records import FrameRef, LabelKind, MaskLabel
from al_core.settings import StudentSettings, TeacherSettings
from al_core.students.build import build_config, build_model, import_mmdet, load_members
from al_core.students.dataset import LabelledFrames, TrainingSample
from al_core.students.plain_mmdet import plain_model
from al_core.students.shapes.shape_heads import SpreadingMaskHead
from al_core.students.train import train_student
from al_core.uncertainty.augment import views_named
from al_core.uncertainty.ensemble import predict_frames

STUDENT = StudentSettings(config="mask_rcnn_shapeprop", long_side=64, batch_size=2, device="cpu")


@pytest.fixture(scope="module", autouse=True)
def mmdet() -> None:
    import_mmdet()


@pytest.fixture(scope="module")
def boxed(samples: Any) -> Any:
    """The labelled squares, each from a box alone."""
    return [
        replace(sample, masks=tuple(replace(mask, kind=LabelKind.BOX) for mask in sample.masks)) for sample in samples
    ]


@pytest.fixture(scope="module")
def detector() -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_model(build_config(STUDENT, ["square", "disk"]).model)


def items(samples: Any, read_image: Any) -> LabelledFrames:
    pipeline = build_config(STUDENT, ["square"]).train_pipeline
    return LabelledFrames(samples, [1], read_image, 64, pipeline, 0, 4)


def losses(detector: Any, samples: Any, read_image: Any) -> dict[str, torch.Tensor]:
    stream = items(samples, read_image)
    item = next(i for i in (stream[n] for n in range(4)) if len(i["data_samples"].gt_instances.labels))
    batch = detector.data_preprocessor({"inputs": [item["inputs"]], "data_samples": [item["data_samples"]]}, True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        said: dict[str, torch.Tensor] = detector(**batch, mode="loss")
    return said


def test_what_came_of_a_box_is_told_through_the_augmentation(boxed: Any, samples: Any, read_image: Any) -> None:
    ignored = MaskLabel(0, 0, encode(np.eye(48, 64, dtype=bool)))
    mixed = TrainingSample(FrameRef(1, 0), (ignored, *boxed[0].masks))
    truth = items([mixed], read_image)[0]["data_samples"].gt_instances
    assert truth.box_only.tolist() == [True]
    assert items(samples[:1], read_image)[0]["data_samples"].gt_instances.box_only.tolist() == [False]


def test_a_mask_that_came_of_a_box_makes_no_loss(detector: Any, boxed: Any, samples: Any, read_image: Any) -> None:
    drawn, from_box = losses(detector, samples, read_image), losses(detector, boxed, read_image)
    assert float(drawn["loss_mask"].detach()) > 0 < float(drawn["loss_shape"].detach())
    assert float(from_box["loss_mask"].detach()) == 0 == float(from_box["loss_shape"].detach())
    assert float(from_box["loss_class_maps"].detach()) == pytest.approx(float(drawn["loss_class_maps"].detach()))


def test_masks_are_for_any_category_but_what_is_salient_is_of_its_own() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        head = SpreadingMaskHead(num_classes=2, in_channels=8, channels=4, num_convs=1, conv_out_channels=8).eval()
        features = torch.rand(1, 8, 6, 6)
    with torch.inference_mode():
        first, second = (head(features, torch.tensor([kind])) for kind in (0, 1))
    assert first.shape == (1, 1, 12, 12)
    assert not torch.equal(first, second)


def test_it_trains_and_predicts_as_every_other_student(
    boxed: Any, samples: Any, read_image: Any, tmp_path: Any
) -> None:
    small = tmp_path / "small.py"
    small.write_text("model = dict(backbone=dict(depth=18), neck=dict(in_channels=[64, 128, 256, 512]))")
    student, teachers = STUDENT.model_copy(update={"override": str(small)}), TeacherSettings(score_threshold=0.01)
    mixed = [samples[0], boxed[1]]
    trained = train_student(
        student, teachers, mixed, {1: "square"}, read_image, tmp_path / "made", 0, 1, statistics_batches=2
    )
    assert np.isfinite([loss for _, loss, _ in trained.curve]).all()
    members = load_members(trained.checkpoint, "cpu", teachers)[:1]
    image = read_image(samples[0].frame)
    (found,) = predict_frames(members, views_named(["identity"]), [(0, image)], teachers, 64)
    assert all(seen.soft_mask.size == image.shape[:2] for seen in found.objects)
    with pytest.raises(BadSettings, match="got fewframes' ShapePropRoIHead, which mmdet does not know"):
        plain_model(trained.checkpoint, [(255, 0, 0)], 64, 0.3)


def test_regions_without_an_object_make_masks_of_nothing(detector: Any) -> None:
    empty = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long), scores=torch.zeros(0))
    about = [{"ori_shape": (48, 64), "img_shape": (64, 64), "scale_factor": (1, 1)}]
    (found,) = detector.roi_head.predict_mask((), about, [empty], rescale=True)
    assert found.masks.shape == (0, 48, 64)
