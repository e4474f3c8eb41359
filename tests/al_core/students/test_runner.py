"""mmengine's Runner for one student."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from al_core.students.build import import_mmdet


@pytest.fixture(scope="module")
def module() -> Any:
    """The module, which may only be imported after mmdet."""
    import_mmdet()
    from al_core.students import runner

    return runner


class Line(nn.Module):
    """A model as mmengine trains it: y = weight * x + bias, to be 3 x + 1."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.data_preprocessor = None

    def train_step(self, data: Any, optim_wrapper: Any) -> dict[str, torch.Tensor]:
        x = torch.as_tensor(data, dtype=torch.float32).reshape(-1, 1)
        loss = (self.layer(x) - (3 * x + 1)).square().mean()
        optim_wrapper.update_params(loss)
        return {"loss": loss}


def make(module: Any, tmp_path: Path, hooks: Sequence[Any] = (), resume_from: Path | None = None) -> Any:
    """A runner for four iterations."""
    from mmengine.config import Config

    config = Config(
        {
            "default_scope": "mmdet",
            "train_cfg": {"type": "IterBasedTrainLoop", "max_iters": 4, "val_interval": 5},
            "optim_wrapper": {
                "type": "OptimWrapper",
                "constructor": "TwoGroupsConstructor",
                "optimizer": {"type": "SGD", "lr": 0.1, "weight_decay": 0.5},
            },
            "param_scheduler": [],
            "log_level": "ERROR",
        }
    )
    torch.manual_seed(0)
    data = DataLoader([0.0, 1.0, 2.0, 3.0] * 8, batch_size=4)
    return module.StudentRunner(Line(), config, data, hooks, "cpu", resume_from, tmp_path)


def test_it_trains_for_its_iterations_and_writes_nothing(module: Any, tmp_path: Path) -> None:
    runner = make(module, tmp_path)
    before = runner.model.layer.weight.item()
    runner.train()
    runner.close()
    assert runner.iter == 4
    assert abs(runner.model.layer.weight.item() - 3) < abs(before - 3)
    assert [path.name for path in tmp_path.rglob("*") if path.suffix in (".pth", ".py", ".json")] == []


def test_a_run_is_forgotten_when_it_is_closed(module: Any, tmp_path: Path) -> None:
    from mmengine.logging import MessageHub, MMLogger

    runner = make(module, tmp_path)
    name = runner.experiment_name
    assert name in MMLogger._instance_dict
    runner.close()
    assert name not in MMLogger._instance_dict
    assert name not in MessageHub._instance_dict


def test_threads_of_opencv_stay_as_they_are(module: Any, tmp_path: Path) -> None:
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        make(module, tmp_path).close()
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def test_a_resumed_run_does_the_iterations_that_are_left(module: Any, tmp_path: Path) -> None:
    from al_core.students.hooks import ProgressHook, ResumePointHook

    done: list[int] = []
    told = ProgressHook(lambda i, loss: done.append(i))
    point = ResumePointHook(tmp_path / "half.pth", 2, "toy")
    first = make(module, tmp_path, [point, told])
    first.train()
    first.close()
    second = make(module, tmp_path, [told], tmp_path / "half.pth")
    second.train()
    second.close()
    assert done == [1, 2, 3, 4, 3, 4]
    torch.testing.assert_close(second.model.layer.weight, first.model.layer.weight)


def test_kernels_decay_and_biases_do_not(module: Any) -> None:
    optimizer = {"type": "SGD", "lr": 0.1, "weight_decay": 0.5}
    build = module.TwoGroupsConstructor({"type": "OptimWrapper", "optimizer": optimizer})
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    model[1].weight.requires_grad_(False)
    kernels, others = build(model).optimizer.param_groups
    assert [tuple(p.shape) for p in kernels["params"]] == [(2, 1, 3, 3)]
    assert [tuple(p.shape) for p in others["params"]] == [(2,), (2,)]
    assert (kernels["weight_decay"], others["weight_decay"]) == (0.5, 0.0)
