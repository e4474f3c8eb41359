"""Teachers average what they should, by the formula; the other hooks do their one thing."""

import math
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from al_core.errors import TrainingDiverged
from al_core.students.build import import_mmdet
from al_core.students.hooks import (
    CurveHook,
    IterationSeedHook,
    MeanTeachersHook,
    ProgressHook,
    ResumePointHook,
    mean_teacher,
    teacher_alpha,
)


@pytest.fixture(scope="module", autouse=True)
def mmdet() -> None:
    import_mmdet()


class Shared(nn.Module):
    """Two layers with one kernel, as in the heads of RTMDet, and a norm each."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(1, 1, bias=False)
        self.two = nn.Linear(1, 1, bias=False)
        self.two.weight = self.one.weight
        self.norm = nn.BatchNorm1d(1)

    def set_to(self, value: float) -> "Shared":
        """Every float of the module becomes the value, its counter the value as a whole number."""
        with torch.no_grad():
            for tensor in self.state_dict().values():
                tensor.fill_(value)
        return self


class TestMeanTeacher:
    def test_the_decay_rises_to_its_limit(self) -> None:
        assert [teacher_alpha(t, 0.7) for t in range(5)] == [0, 1 / 2, 1 - 1 / 3, 0.7, 0.7]

    def test_at_first_it_is_the_mean_of_the_students(self) -> None:
        student = Shared()
        teacher = mean_teacher(student, 0.99)
        for value in (3.0, 6.0, 9.0):
            teacher.update_parameters(student.set_to(value))
        # The kernel is shared and the statistics of the norm are averaged like weights; the counter is copied.
        expected = {name: 9 if name.endswith("batches_tracked") else 6 for name in student.state_dict()}
        assert {name: round(float(t), 5) for name, t in teacher.module.state_dict().items()} == expected

    def test_later_it_forgets_by_its_decay(self) -> None:
        student = Shared()
        teacher = mean_teacher(student, 0.5)
        values = [4.0, 8.0, 2.0, 6.0]
        for value in values:
            teacher.update_parameters(student.set_to(value))
        expected = 4.0
        for value in values[1:]:
            expected = 0.5 * expected + 0.5 * value
        assert float(teacher.module.one.weight) == pytest.approx(expected)

    def test_zero_decay_follows_the_student(self) -> None:
        student = Shared()
        teacher = mean_teacher(student, 0.0)
        for value in (1.0, 7.0):
            teacher.update_parameters(student.set_to(value))
        assert float(teacher.module.norm.running_mean) == 7.0

    def test_it_is_never_trained(self) -> None:
        teacher = mean_teacher(Shared().train(), 0.9)
        assert not teacher.module.training
        assert not any(p.requires_grad for p in teacher.parameters())


class TestMeanTeachersHook:
    def test_teachers_survive_in_a_checkpoint(self) -> None:
        runner = SimpleNamespace(model=Shared())
        hook = MeanTeachersHook([0.5, 0.9])
        hook.before_run(runner)
        for value in (1.0, 2.0, 3.0, 4.0):
            runner.model.set_to(value)
            hook.after_train_iter(runner, 0)
        checkpoint: dict[str, Any] = {}
        hook.before_save_checkpoint(runner, checkpoint)

        again = MeanTeachersHook([0.5, 0.9])
        again.before_run(SimpleNamespace(model=Shared()))
        again.after_load_checkpoint(runner, checkpoint)
        for hooks in (hook, again):
            runner.model.set_to(8.0)
            hooks.after_train_iter(runner, 0)
        for one, other in zip(hook.teachers, again.teachers, strict=True):
            assert int(other.n_averaged) == 5
            assert float(one.module.one.weight) == float(other.module.one.weight)
        assert float(hook.teachers[0].module.one.weight) != float(hook.teachers[1].module.one.weight)

    def test_it_goes_on_from_given_teachers(self) -> None:
        given = Shared().set_to(10.0).state_dict()
        runner = SimpleNamespace(model=Shared().set_to(0.0))
        hook = MeanTeachersHook([0.5, 0.5], [(given, 100), None])
        hook.before_run(runner)
        hook.after_train_iter(runner, 0)
        assert [float(t.module.one.weight) for t in hook.teachers] == [5.0, 0.0]


def step(loss: float) -> dict[str, Any]:
    return {"outputs": {"loss": torch.tensor(loss, requires_grad=True)}}


def runner_at(rate: float, iterations: int = 10) -> Any:
    return SimpleNamespace(optim_wrapper=SimpleNamespace(param_groups=[{"lr": rate}]), max_iters=iterations)


class TestCurveHook:
    def test_records_every_iteration(self) -> None:
        hook = CurveHook()
        hook.after_train_iter(runner_at(0.1), 0, **step(4.0))
        hook.after_train_iter(runner_at(0.2), 1, **step(3.0))
        assert hook.curve == [(1, 4.0, 0.1), (2, 3.0, 0.2)]
        checkpoint: dict[str, Any] = {}
        hook.before_save_checkpoint(None, checkpoint)
        again = CurveHook()
        again.after_load_checkpoint(None, checkpoint)
        assert again.curve == hook.curve

    @pytest.mark.parametrize("loss", [math.nan, math.inf])
    def test_a_loss_that_is_no_number_is_an_error(self, loss: float) -> None:
        with pytest.raises(TrainingDiverged, match=r"iteration 5: .* learning rate 0.1; lower student.learning_rate"):
            CurveHook().after_train_iter(runner_at(0.1), 4, **step(loss))


def test_progress_is_told() -> None:
    told: list[tuple[int, float]] = []
    ProgressHook(lambda done, loss: told.append((done, loss))).after_train_iter(None, 6, **step(2.5))
    assert told == [(7, 2.5)]


def test_an_iteration_draws_the_same_wherever_it_is_reached_from() -> None:
    def drawn(seed: int, iteration: int) -> tuple[float, float, float]:
        IterationSeedHook(seed).before_train_iter(None, iteration)
        return float(torch.rand(1)), float(np.random.rand()), random.random()  # noqa: NPY002

    first = drawn(0, 4)
    assert len({first, drawn(0, 5), drawn(1, 4)}) == 3
    assert drawn(0, 4) == first


def test_resume_points_are_written_in_their_interval_but_not_at_the_end(tmp_path: Path) -> None:
    written: list[str] = []

    def save(folder: str, name: str, by_epoch: bool) -> None:
        written.append(name)
        (Path(folder) / name).write_text(str(len(written)))

    runner = runner_at(0.1, iterations=6)
    runner.save_checkpoint = save
    hook = ResumePointHook(tmp_path / "r.pth", 2, "me")
    for iteration in range(6):
        hook.after_train_iter(runner, iteration)
    assert len(set(written)) == 2
    assert all(name.startswith(".r.") and name.endswith(".pth") for name in written)
    assert [p.name for p in tmp_path.iterdir()] == ["r.pth"]
    assert (tmp_path / "r.pth").read_text() == "2"
