"""What tests of trainings share: a kill, and what a checkpoint holds, compared bit for bit."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
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
    """Return what is in the final checkpoint, to be looked at."""
    return _read(trained.checkpoint, trained.checkpoint.stat().st_mtime_ns)


@lru_cache(8)
def _read(checkpoint: Path, written: int) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    return content


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
