"""mmengine hooks of a training, one matter each; import this module only where mmengine may be imported."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from torch import nn
from torch.optim.swa_utils import AveragedModel

from al_core.errors import TrainingDiverged
from al_core.files import replaced
from al_core.students.build import parts_of
from al_core.students.semi.semi_student import SemiStudent, detector_of


def mean_teacher(student: nn.Module, decay: float) -> AveragedModel:
    r"""Make an average of a student over its training, filled by ``update_parameters``.

    After update number :math:`t = 0, 1, ...` the teacher is

    .. math:: \theta'_t = \alpha_t\,\theta'_{t-1} + (1 - \alpha_t)\,\theta_t,
              \quad \alpha_t = \min\left(1 - \frac{1}{t + 1}, \alpha\right)

    (Tarvainen and Valpola 2017): a plain mean at first, so that the random start is forgotten at once. The running
    statistics of BatchNorm are averaged by the same rule, since they belong to the weights they were measured
    with; counters are copied.

    torch's average is used and not mmengine's, which goes by names: layers that share a tensor, as the heads of
    RTMDet do, would average it several times an update.

    Args:
        decay: alpha in [0, 1); 0 follows the student.
    """

    @torch.no_grad()
    def update(averaged: Any, current: Any, updates: torch.Tensor | int) -> None:
        if torch.is_floating_point(averaged[0]):
            torch._foreach_lerp_(averaged, current, 1 - teacher_alpha(int(updates), decay))
        else:
            torch._foreach_copy_(averaged, current)

    teacher = AveragedModel(student, multi_avg_fn=update, use_buffers=True)
    teacher.requires_grad_(False)
    return teacher.eval()


def teacher_alpha(updates: int, decay: float) -> float:
    """Return the share of the old teacher in the update that follows this number of earlier ones."""
    return min(1 - 1 / (updates + 1), decay)


class MeanTeachersHook(Hook):
    """Keep one teacher a decay beside the student, in the checkpoints too.

    Args:
        start: for each teacher the weights and number of updates to go on from; None starts from the student.
    """

    def __init__(
        self, decays: Sequence[float], start: Sequence[tuple[Mapping[str, torch.Tensor], int] | None] | None = None
    ) -> None:
        self.decays = tuple(decays)
        self.teachers: list[AveragedModel] = []
        self._start = start or [None] * len(self.decays)

    def before_run(self, runner: Any) -> None:
        """Make the teachers; they are filled by the first update, or by what they start from."""
        self.teachers = [mean_teacher(detector_of(runner.model), decay) for decay in self.decays]
        for teacher, start in zip(self.teachers, self._start, strict=True):
            if start is not None:
                teacher.module.load_state_dict(start[0])
                teacher.n_averaged.fill_(start[1])
        if isinstance(runner.model, SemiStudent):
            slowest = max(range(len(self.decays)), key=self.decays.__getitem__)
            runner.model.follow(self.teachers[slowest].module)

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Move the teachers towards the student."""
        for teacher in self.teachers:
            teacher.update_parameters(detector_of(runner.model))

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Put the teachers beside the student."""
        checkpoint["teachers"] = [teacher.state_dict() for teacher in self.teachers]

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Bring the teachers back."""
        for teacher, weights in zip(self.teachers, checkpoint["teachers"], strict=True):
            teacher.load_state_dict(weights)


class UnlabelledLossesHook(Hook):
    """Keep the optimizers of what the losses on unlabelled frames teach of their own in the checkpoints."""

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Put them beside the student."""
        if isinstance(runner.model, SemiStudent):
            checkpoint["unlabelled_losses"] = runner.model.kept()

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Bring them back."""
        if isinstance(runner.model, SemiStudent):
            runner.model.go_on(checkpoint.get("unlabelled_losses", {}))


class FrozenPartsHook(Hook):
    """Keep parts of the student as they are while the rest is trained, the statistics of their BatchNorm too.

    Args:
        names: attributes of the model; those that it lacks are passed over.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)

    def before_run(self, runner: Any) -> None:
        """Take no gradients in the parts."""
        for part in parts_of(detector_of(runner.model), self._names):
            part.requires_grad_(False)

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Let their BatchNorm use its statistics and not measure."""
        for part in parts_of(detector_of(runner.model), self._names):
            part.eval()


class IterationSeedHook(Hook):
    """Seed every generator before each iteration.

    What it draws (samples of boxes, dropout) then depends on the seed and its number, not on interruptions.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Seed one iteration."""
        seed_everything([self._seed, 3, batch_idx])


class CurveHook(Hook):
    """Record ``(iteration from 1, loss, learning rate)`` and what the loss is made of, also in the checkpoints; stop
    when the loss is no number.

    Attributes:
        parts: ``(iteration from 1, value)`` of each loss that is part of the whole one, by mmdet's names.
    """

    def __init__(self) -> None:
        self.curve: list[tuple[int, float, float]] = []
        self.parts: dict[str, list[tuple[int, float]]] = {}

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Add a point.

        Raises:
            TrainingDiverged: the loss is infinite or not a number.
        """
        loss = float(outputs["loss"].detach())
        rate = runner.optim_wrapper.param_groups[0]["lr"]
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"iteration {batch_idx + 1}: expected a finite loss, got {loss} at learning rate {rate:g}; "
                "lower student.learning_rate, or check the labels"
            )
        self.curve.append((batch_idx + 1, loss, rate))
        for name, value in outputs.items():
            if "loss" in name and name != "loss":
                self.parts.setdefault(name, []).append((batch_idx + 1, float(value.detach())))

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Keep the points so far."""
        checkpoint["curve"] = list(self.curve)
        checkpoint["parts"] = {name: list(points) for name, points in self.parts.items()}

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Go on after them."""
        self.curve = [tuple(point) for point in checkpoint["curve"]]
        # An earlier version kept no parts.
        self.parts = {name: [tuple(p) for p in points] for name, points in checkpoint.get("parts", {}).items()}


class ProgressHook(Hook):
    """Report the number of iterations done and the loss after each iteration."""

    priority = "LOWEST"  # what is reported has happened, and is kept

    def __init__(self, report: Callable[[int, float], None]) -> None:
        self._report = report

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Report one iteration."""
        self._report(batch_idx + 1, float(outputs["loss"].detach()))


class ResumePointHook(Hook):
    """Write a checkpoint to continue from at intervals: one file, replaced as a whole or not at all.

    Args:
        interval: iterations between two writes; the last iteration is not written, the training is over then.
        identity: what the training is made from; a training does not continue from a file of another one.
    """

    priority = "VERY_LOW"  # after the schedule has moved on

    def __init__(self, path: Path, interval: int, identity: str) -> None:
        self._path = path
        self._interval = interval
        self._identity = identity

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Write when it is time."""
        done = batch_idx + 1
        if done % self._interval or done >= runner.max_iters:
            return
        with replaced(self._path) as unfinished:
            runner.save_checkpoint(str(unfinished.parent), unfinished.name, by_epoch=False)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Say whose training it is; mmengine's own log of scalars is left out, the curve holds them."""
        checkpoint["identity"] = self._identity
        checkpoint["message_hub"] = {"log_scalars": {}, "runtime_info": {}, "resumed_keys": {}}


def seed_everything(entropy: list[int]) -> None:
    """Seed torch's, numpy's and Python's global generators, each with its own word of the entropy."""
    words = np.random.SeedSequence(entropy).generate_state(3)
    torch.manual_seed(int(words[0]))
    np.random.seed(int(words[1]))  # noqa: NPY002
    random.seed(int(words[2]))
