"""The statistics are the plain mean over the batches, and nothing else of the model changes."""

from typing import Any

import pytest
import torch
from torch import nn

from al_core.students.batchnorm import measure_batch_norm


class Detector(nn.Module):
    """Takes batches as mmdet's detectors do; its norm sees the numbers themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(1, momentum=0.25)
        self.drop = nn.Dropout()

    def data_preprocessor(self, batch: dict[str, Any], training: bool) -> dict[str, Any]:
        """Passes everything on."""
        assert training
        return batch

    def forward(self, inputs: torch.Tensor, mode: str) -> torch.Tensor:
        """A loss."""
        assert mode == "loss"
        return self.norm(inputs).sum()


def batch(*values: float) -> dict[str, Any]:
    return {"inputs": torch.tensor(values, dtype=torch.float32)[:, None]}


def test_mean_over_the_batches() -> None:
    model = Detector().eval()
    model.norm.running_mean.fill_(99.0)
    measure_batch_norm(model, [batch(0, 2), batch(4, 6)])
    assert float(model.norm.running_mean) == pytest.approx(3.0)
    assert float(model.norm.running_var) == pytest.approx(2.0)


def test_mode_momentum_and_weights_are_left_as_they_were() -> None:
    model = Detector().eval()
    weight = model.norm.weight.detach().clone()
    measure_batch_norm(model, [batch(0, 2)])
    assert not model.training
    assert not model.norm.training
    assert model.norm.momentum == 0.25
    assert torch.equal(model.norm.weight, weight)


def test_a_model_without_batch_norm_is_not_run() -> None:
    measure_batch_norm(nn.Linear(1, 1), [batch(1, 2)])
