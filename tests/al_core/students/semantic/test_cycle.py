"""What the losses of the cycle teach, and whom."""

from typing import Any

import pytest
import torch

from al_core.errors import BadSettings
from al_core.settings import StudentSettings
from al_core.students.build import build_config, build_model
from al_core.students.semantic.cycle import Cycle, straight_through
from al_core.students.semi.ignored_regions import check_unlabelled


@pytest.fixture
def student(pixels: StudentSettings) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return build_model(build_config(pixels, ["square"], 1).model)


def batch(of: Any, seed: int) -> dict[str, Any]:
    """Two images with a bright square each, as mmdet's data loader and preprocessor give them."""
    from mmdet.structures import DetDataSample
    from mmdet.structures.mask import BitmapMasks
    from mmengine.structures import InstanceData

    rng = torch.Generator().manual_seed(seed)
    images, samples = [], []
    for _ in range(2):
        masks = torch.zeros(1, 64, 64, dtype=torch.uint8)
        masks[0, 20:44, 16:40] = 1
        images.append((torch.randint(0, 60, (3, 64, 64), generator=rng) + 150 * masks).to(torch.uint8))
        objects = InstanceData(labels=torch.zeros(1, dtype=torch.int64), masks=BitmapMasks(masks.numpy(), 64, 64))
        sample = DetDataSample(metainfo={"img_shape": (64, 64), "img_id": 0, "pad_shape": (64, 64)})
        sample.gt_instances = objects
        samples.append(sample)
    ready: dict[str, Any] = of.data_preprocessor({"inputs": images, "data_samples": samples}, True)
    return ready


def losses_of(student: Any, cycle: Cycle, seed: int = 0) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return cycle(student, None, batch(student, 1), rng, batch(student, 2))


def reached(module: Any) -> float:
    return sum(float(p.grad.abs().sum()) for p in module.parameters() if p.grad is not None)


def test_the_image_cycle_teaches_the_student_through_its_map(student: Any) -> None:
    cycle = Cycle(student, 0)
    losses_of(student, cycle)["loss_image_cycle"].backward()
    assert reached(student) > 0
    assert reached(cycle.painter) > 0
    assert reached(cycle.of_maps) == 0


def test_looking_like_a_map_teaches_the_student_and_not_the_judge(student: Any) -> None:
    cycle = Cycle(student, 0)
    losses_of(student, cycle)["loss_like_maps"].backward()
    assert reached(student) > 0
    assert reached(cycle.of_maps) == 0


@pytest.mark.parametrize("name", ["loss_judge_images", "loss_judge_maps"])
def test_what_a_judge_learns_reaches_nobody_else(student: Any, name: str) -> None:
    cycle = Cycle(student, 0)
    losses_of(student, cycle)[name].backward()
    assert reached(student) == reached(cycle.painter) == 0
    assert reached(cycle) > 0


def test_the_painter_learns_to_paint_what_a_map_says(student: Any) -> None:
    cycle = Cycle(student, 0)
    optimizer = torch.optim.Adam(cycle.parameters(), 3e-3)
    found = []
    for step in range(25):
        loss = losses_of(student, cycle, step)["loss_painted"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(float(loss.detach()))
    assert found[-1] < 0.5 * found[0]


def test_the_hard_choice_has_the_gradient_of_the_softmax() -> None:
    logits = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    hard = straight_through(logits)
    assert torch.allclose(hard.sum(dim=1), torch.ones(1, 2, 2))
    assert torch.equal(hard.detach().round(), hard.detach().clamp(0, 1).round())
    weights = torch.rand(1, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    (found,) = torch.autograd.grad((hard * weights).sum(), logits)
    soft = logits.softmax(dim=1)
    (expected,) = torch.autograd.grad((soft * weights).sum(), logits)
    assert torch.allclose(found, expected)


def test_it_needs_a_student_of_pixels_and_such_a_one_has_no_grid_to_agree_on() -> None:
    with pytest.raises(BadSettings, match="'cycle' expected a student that judges pixels, got RTMDet"):
        check_unlabelled(StudentSettings(unlabelled="cycle"))
    for method in ("self", "mmt_psm"):
        with pytest.raises(BadSettings, match=f"'{method}' expected a student that finds objects, got SemanticUNet"):
            check_unlabelled(StudentSettings(config="semantic_unet", unlabelled=method))
    for method in ("none", "cycle"):
        check_unlabelled(StudentSettings(config="semantic_unet", unlabelled=method))
