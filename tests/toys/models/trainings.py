"""What tests of trainings share: a kill, and what a checkpoint holds, compared bit for bit."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from al_core.records import Progress
from al_core.students.train import TrainedStudent


class Killed(BaseException):
    """Stands for a kill -9: nothing catches it."""


def kill_at(iteration: int) -> Callable[[Progress], None]:
    """Return a listener that kills a training at an iteration."""

    def progress(told: Progress) -> None:
        if told.done == iteration:
            raise Killed

    return progress


def content(trained: TrainedStudent) -> dict[str, Any]:
    """Return what is in the final checkpoint."""
    return torch.load(trained.checkpoint, weights_only=True)


def equal(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    """Tell whether weights are the same, bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def same(one: TrainedStudent, other: TrainedStudent) -> bool:
    """Tell whether student, teachers and curve are the same, bit for bit."""
    first, second = content(one), content(other)
    teachers = zip(first["teachers"], second["teachers"], strict=True)
    return (
        one.curve == other.curve
        and equal(first["student"], second["student"])
        and all(equal(a["state_dict"], b["state_dict"]) and a["updates"] == b["updates"] for a, b in teachers)
    )
