"""A model that holds the student's detector and adds losses on frames that nobody labelled.

Import this module only where mmengine may be imported. Whatever outlives a training (teachers, statistics of BatchNorm,
checkpoints that others read, predictions) is about the detector alone, see :func:`detector_of`.
"""

from typing import Any

import torch
from mmengine.model import BaseModel
from torch import nn

from al_core.students.semi.ignored_regions import ignore_regions
from al_core.students.unlabelled import PROGRESS, UNLABELLED

RAMP = 0.2
"""Share of the schedule over which the weight of unlabelled frames rises from nothing."""


class SemiStudent(BaseModel):
    """A detector that learns from labelled frames as without this, and from unlabelled ones what is believed of them.

    Args:
        detector: an mmdet detector.
        weight: of the losses on unlabelled frames beside those on labelled ones, at its height; with 0 they are not
            computed, and the detector learns the same to the bit as without this model.

    Raises:
        BadSettings: the detector's losses cannot leave regions out.
    """

    def __init__(self, detector: nn.Module, weight: float) -> None:
        super().__init__()
        ignore_regions(detector)
        self.detector = detector
        self.weight = weight

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Answer as the detector does."""
        return self.detector(*inputs, **options)

    def train_step(self, data: Any, optim_wrapper: Any) -> dict[str, torch.Tensor]:
        """Learn from one batch; returns each loss, with those of unlabelled frames under names of their own.

        Args:
            data: a batch of :class:`~al_core.students.unlabelled.PairedFrames`.
        """
        labelled = {name: value for name, value in data.items() if name != UNLABELLED}
        unlabelled = dict(data[UNLABELLED])
        weight = self.weight * ramp(float(unlabelled.pop(PROGRESS)[0]))
        with optim_wrapper.optim_context(self):
            losses = self._losses(labelled)
            total, told = self.parse_losses(losses)
            if weight:
                more, told_more = self.parse_losses(self._losses(unlabelled))
                total = total + weight * more
                told.update({f"{UNLABELLED}_{name}": value for name, value in told_more.items()})
                told["loss"] = total
        optim_wrapper.update_params(total)
        return told

    def _losses(self, batch: dict[str, Any]) -> dict[str, Any]:
        detector: Any = self.detector
        return detector(**detector.data_preprocessor(batch, True), mode="loss")  # type: ignore[no-any-return]


def detector_of(model: nn.Module) -> nn.Module:
    """Return what predicts: the detector that a model holds, or the model itself."""
    return model.detector if isinstance(model, SemiStudent) else model


def ramp(progress: float) -> float:
    """Return the share of the full weight, in [0, 1], at a progress of the training in [0, 1): 0 at the beginning."""
    return min(progress / RAMP, 1.0)
