"""Running statistics of BatchNorm for weights that were averaged: they are measured again."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@torch.no_grad()
def measure_batch_norm(model: nn.Module, batches: Iterable[Any]) -> None:
    """Set the running statistics to their plain mean over some batches.

    Neither the last few batches of a training nor an average of what earlier weights saw fits the weights of a mean
    teacher (Izmailov et al. 2018, section 3.2; Wu and Johnson 2021): after a short training it finds nothing at all
    without this. A model without BatchNorm is left alone.

    Args:
        model: an mmdet detector; its mode is left as it was.
        batches: as mmdet's data loaders give them, with annotations.
    """
    with _measuring(model) as norms:
        for batch in batches if norms else ():
            prepare: Any = model.data_preprocessor
            model(**prepare(batch, True), mode="loss")


@contextmanager
def _measuring(model: nn.Module) -> Iterator[list[_BatchNorm]]:
    """Yield the norms that measure in training: those of a backbone that is kept as it was pretrained do not."""
    was_training = model.training
    model.train()
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training and m.track_running_stats]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # for torch, a plain mean
    try:
        yield norms
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        model.train(was_training)
