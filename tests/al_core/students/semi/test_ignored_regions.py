"""What lies in an ignore region makes no loss, in heads of points and of boxes."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from al_core.errors import BadSettings
from al_core.settings import StudentSettings
from al_core.students.build import build_config, build_model
from al_core.students.dataset import LabelledFrames
from al_core.students.semi.ignored_regions import RegionIgnorer, check_unlabelled, ignore_regions
from al_core.students.semi.unlabelled import UnlabelledFrames, UnlabelledSample


class AllBackground:
    """An assigner that takes the first prior for an object and the rest for background."""

    def assign(self, pred_instances: Any, gt_instances: Any, gt_instances_ignore: Any = None) -> Any:
        """Returns what mmdet's assigners do, as far as it is looked at."""
        found = torch.zeros(len(pred_instances.priors), dtype=torch.long)
        found[0] = 1
        return SimpleNamespace(gt_inds=found, seen=gt_instances_ignore)


class Regions(SimpleNamespace):
    """Ignore regions as mmdet hands them over."""

    def __len__(self) -> int:
        return len(self.masks.masks)

    def __contains__(self, name: str) -> bool:
        return name == "masks"


def right_half() -> Regions:
    """An ignore region: the right half of 8 x 8 pixels."""
    mask = np.zeros((1, 8, 8), np.uint8)
    mask[:, :, 4:] = 1
    return Regions(masks=SimpleNamespace(masks=mask))


def assigned(priors: list[list[float]], points: bool, ignored: Any) -> list[int]:
    found = RegionIgnorer(AllBackground(), points).assign(SimpleNamespace(priors=torch.tensor(priors)), None, ignored)
    return found.gt_inds.tolist()


def test_points_are_ignored_by_where_they_are() -> None:
    priors = [[6.0, 6.0, 8.0, 8.0], [5.0, 1.0, 8.0, 8.0], [2.0, 1.0, 8.0, 8.0], [20.0, 1.0, 8.0, 8.0]]
    assert assigned(priors, True, right_half()) == [1, -1, 0, -1]


def test_boxes_are_ignored_by_more_than_half_of_their_area() -> None:
    boxes = [(4, 0, 8, 8), (3, 0, 6, 4), (2, 0, 6, 4), (0, 0, 4, 4), (9, 9, 9, 9)]
    assert assigned([[float(side) for side in box] for box in boxes], False, right_half()) == [1, -1, 0, 0, -1]


@pytest.mark.parametrize("nothing", [None, Regions(masks=SimpleNamespace(masks=np.zeros((0, 8, 8), np.uint8)))])
def test_without_regions_the_assigner_is_asked_as_it_came(nothing: Any) -> None:
    priors = SimpleNamespace(priors=torch.tensor([[6.0, 6.0, 8.0, 8.0], [6.0, 6.0, 8.0, 8.0]]))
    found = RegionIgnorer(AllBackground(), True).assign(priors, None, nothing)
    assert found.gt_inds.tolist() == [1, 0]
    assert found.seen is nothing


@pytest.mark.parametrize("kind", ["one_stage", "two_stages"])
def test_a_frame_of_which_nothing_is_known_makes_no_loss_and_no_gradient(
    kind: str, read_image: Any, samples: Any, request: pytest.FixtureRequest
) -> None:
    student: StudentSettings = request.getfixturevalue(kind)
    torch.manual_seed(0)
    model: Any = build_model(build_config(student, ["square"], 1).model)
    ignore_regions(model)
    pack = [dict(type="RandomAffineMasks"), dict(type="PackDetInputs")]
    nothing = UnlabelledFrames([UnlabelledSample(samples[0].frame)], [1], read_image, 64, pack, 1, 1)[0]
    empty = LabelledFrames([type(samples[0])(samples[0].frame, ())], [1], read_image, 64, pack, 1, 1)[0]

    def loss_of(item: dict[str, Any]) -> torch.Tensor:
        batch = {name: [value] for name, value in item.items()}
        whole, _ = model.parse_losses(model(**model.data_preprocessor(batch, True), mode="loss"))
        return whole

    assert float(loss_of(empty).detach()) > 0
    model.zero_grad()
    loss = loss_of(nothing)
    assert float(loss.detach()) == 0
    loss.backward()
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


@pytest.mark.parametrize("config", ["rtmdet_ins_tiny", "mask_rcnn_r50_fpn"])
def test_students_that_can_are_known_by_their_config(config: str) -> None:
    check_unlabelled(StudentSettings(config=config, unlabelled="self"))


def test_others_are_refused_by_their_config_and_nothing_is_asked_of_who_does_not_use_it() -> None:
    check_unlabelled(StudentSettings(config="condinst_r50_fpn"))
    with pytest.raises(BadSettings, match="student.unlabelled: expected a student .* got CondInst"):
        check_unlabelled(StudentSettings(config="condinst_r50_fpn", unlabelled="self"))
