"""A model that holds the student's detector and adds losses on frames that nobody labelled.

Import this module only where mmengine may be imported. Whatever outlives a training (teachers, statistics of BatchNorm,
checkpoints that others read, predictions) is about the detector alone, see :func:`detector_of`.
"""

from typing import Any

import numpy as np
import torch
from mmengine.model import BaseModel
from torch import nn

from al_core.settings import Table
from al_core.students.semantic.cycle import Cycle
from al_core.students.semi.adversarial import Adversarial
from al_core.students.semi.consistency import Consistency
from al_core.students.semi.ignored_regions import ignore_regions
from al_core.students.semi.unlabelled import PROGRESS, UNLABELLED


class BelievedMasks(nn.Module):
    """The losses of self-training: what is believed of a frame is learned as labels are, the rest of it is ignored.

    Args:
        detector, seed: not looked at; nothing but the detector is learned.
    """

    START, FULL = 0.0, 0.2
    """Shares of the schedule at which the weight begins to rise and is full."""

    def __init__(self, detector: Any, seed: int) -> None:
        super().__init__()

    def forward(self, detector: Any, teacher: Any, batch: Any, rng: torch.Generator, labelled: Any) -> dict[str, Any]:
        """Return the detector's own losses of a preprocessed batch."""
        found: dict[str, Any] = detector(**batch, mode="loss")
        return found


LOSSES: Table[type[nn.Module]] = Table(
    "student.unlabelled", {"self": BelievedMasks, "mmt_psm": Consistency, "s4gan": Adversarial, "cycle": Cycle}
)
"""Ways to learn from unlabelled frames, by the name that settings use. Each is made from (detector, seed) and called
with (detector, teacher, preprocessed batch, generator, preprocessed labelled batch); ``START`` and ``FULL`` say when
its weight rises. One that has networks of its own to teach does so in ``after_step(batch, generator, labelled)``, and
says by ``kept()`` and ``go_on(kept)`` what a training that was killed needs beside the weights."""


class SemiStudent(BaseModel):
    """A detector that learns from labelled frames as without this, and from unlabelled ones by losses of their own.

    Args:
        detector: an mmdet detector.
        method: a name in :data:`LOSSES`.
        weight: of the losses on unlabelled frames beside those on labelled ones, at its height; with 0 they are not
            computed, and the detector learns the same to the bit as without this model.
        seed: of what the losses draw.

    Raises:
        BadSettings: the detector's losses cannot leave regions out.
    """

    def __init__(self, detector: nn.Module, method: str, weight: float, seed: int) -> None:
        super().__init__()
        ignore_regions(detector)
        self.detector = detector
        self.unlabelled: Any = LOSSES[method](detector, seed)
        self.weight = weight
        self._seed = seed
        # In a list it is no part of this model: it is neither trained nor stored with it.
        self._teachers: list[nn.Module] = []

    def follow(self, teacher: nn.Module) -> None:
        """Say which mean teacher of the detector the losses may ask."""
        self._teachers = [teacher]

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Answer as the detector does."""
        return self.detector(*inputs, **options)

    def train_step(self, data: Any, optim_wrapper: Any) -> dict[str, torch.Tensor]:
        """Learn from one batch; returns each loss, with those of unlabelled frames under names of their own.

        Args:
            data: a batch of :class:`~al_core.students.semi.unlabelled.PairedFrames`.
        """
        detector: Any = self.detector
        labelled = {name: value for name, value in data.items() if name != UNLABELLED}
        unlabelled = dict(data[UNLABELLED])
        weight = self.weight * ramp(float(unlabelled.pop(PROGRESS)[0]), self.unlabelled.START, self.unlabelled.FULL)
        with optim_wrapper.optim_context(self):
            known = detector.data_preprocessor(labelled, True)
            total, told = self.parse_losses(detector(**known, mode="loss"))
            if weight:
                batch = detector.data_preprocessor(unlabelled, True)
                rng = self._generator(batch)
                more, told_more = self.parse_losses(self.unlabelled(detector, self._teachers[0], batch, rng, known))
                total = total + weight * more
                told.update({f"{UNLABELLED}_{name}": value for name, value in told_more.items()})
                told["loss"] = total
        optim_wrapper.update_params(total)
        if weight and hasattr(self.unlabelled, "after_step"):
            self.unlabelled.after_step(batch, rng, known)
        return told

    def kept(self) -> dict[str, Any]:
        """Return what a training that was killed needs beside the weights, from what the losses teach of their own."""
        found: dict[str, Any] = self.unlabelled.kept() if hasattr(self.unlabelled, "kept") else {}
        return found

    def go_on(self, kept: dict[str, Any]) -> None:
        """Go on from what was kept."""
        if kept:
            self.unlabelled.go_on(kept)

    def _generator(self, batch: Any) -> torch.Generator:
        """Return the generator of a batch: it follows from the seed and the number of its first item."""
        entropy = [self._seed, 6, batch["data_samples"][0].img_id]
        return torch.Generator().manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))


def detector_of(model: nn.Module) -> nn.Module:
    """Return what predicts: the detector that a model holds, or the model itself."""
    return model.detector if isinstance(model, SemiStudent) else model


def ramp(progress: float, start: float, full: float) -> float:
    """Return the share of the full weight, in [0, 1], at a progress of the training in [0, 1).

    It is 0 up to ``start``, and rises in a straight line to 1 at ``full``.
    """
    return min(max((progress - start) / (full - start), 0.0), 1.0)
