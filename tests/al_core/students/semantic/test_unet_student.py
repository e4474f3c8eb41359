"""The U-Net as a student: it learns what pixels are, and finds objects."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from al_core.errors import BadSettings
from al_core.masks.rle import decode
from al_core.settings import StudentSettings, TeacherSettings
from al_core.students.build import load_members
from al_core.students.plain_mmdet import plain_model
from al_core.students.semantic.unet_student import pixel_losses
from al_core.students.semi.unlabelled import UnlabelledSample
from al_core.students.train import train_student
from al_core.uncertainty.augment import views_named
from al_core.uncertainty.ensemble import in_fast_layout, in_fast_precision, predict_frames

STUDENT = StudentSettings(config="semantic_unet", long_side=64, device="cpu")
TEACHERS = TeacherSettings(decays=(0.5, 0.8))


def test_a_short_training_finds_the_square(samples: Any, read_image: Any, tmp_path: Path) -> None:
    trained = train_student(STUDENT, TEACHERS, samples, {1: "square"}, read_image, tmp_path, 0, 40)
    members = in_fast_precision(in_fast_layout(load_members(trained.checkpoint, "cpu", TEACHERS)))
    image = read_image(samples[0].frame)
    (found,) = predict_frames(members, views_named(["identity", "flip"]), [(0, image)], TEACHERS, 64)
    assert found.objects
    truth = decode(samples[0].masks[0].rle)
    mask = found.objects[0].soft_mask.full() > 0.5
    assert mask.shape == truth.shape
    assert (mask & truth).sum() / (mask | truth).sum() > 0.6


def test_a_frame_of_which_nothing_is_known_makes_no_loss() -> None:
    logits = torch.randn(1, 3, 8, 8, requires_grad=True)
    losses = pixel_losses(logits, torch.full((1, 8, 8), -1))
    total = torch.stack(list(losses.values())).sum()
    assert float(total.detach()) == 0
    (gradient,) = torch.autograd.grad(total, logits)
    assert float(gradient.abs().sum()) == 0


def test_a_right_answer_costs_less_than_a_wrong_one() -> None:
    target = torch.zeros(1, 8, 8, dtype=torch.int64)
    target[0, 2:6, 2:6] = 1
    right = 6.0 * torch.nn.functional.one_hot(target, 3).movedim(-1, 1).float()
    wrong = right.roll(3, dims=2)
    sums = [float(torch.stack(list(pixel_losses(one, target).values())).sum()) for one in (right, wrong)]
    assert sums[0] < 0.05 < 1 < sums[1]


@pytest.mark.parametrize("method", ["self", "cycle"])
def test_two_categories_and_unlabelled_frames(method: str, samples: Any, read_image: Any, tmp_path: Path) -> None:
    student = STUDENT.model_copy(update={"unlabelled": method})
    unlabelled = [UnlabelledSample(sample.frame) for sample in samples[1:]]
    trained = train_student(
        *(student, TEACHERS, samples[:1], {1: "square", 2: "disk"}, read_image, tmp_path, 0, 3),
        statistics_batches=1,
        unlabelled=unlabelled,
    )
    assert trained.unlabelled > 0
    assert np.isfinite([loss for _, loss, _ in trained.curve]).all()
    assert load_members(trained.checkpoint, "cpu")[0].category_ids == [1, 2]


def test_plain_mmdet_does_not_know_it(samples: Any, read_image: Any, tmp_path: Path) -> None:
    trained = train_student(
        STUDENT, TEACHERS, samples[:1], {1: "square"}, read_image, tmp_path, 0, 1, statistics_batches=1
    )
    with pytest.raises(BadSettings, match="expected a student of mmdet's own models, got fewframes' SemanticUNet"):
        plain_model(trained.checkpoint, [(255, 0, 0)], 64, 0.3)
