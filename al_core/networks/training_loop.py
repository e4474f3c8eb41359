"""The loop that trains a small network in place: resumable to the bit, and told about as it goes."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from al_core.errors import TrainingDiverged
from al_core.networks.network_state import Checkpoint
from al_core.records import Progress

SAVE_EVERY = 50
"""Steps between two times that a training is kept."""


@dataclass(frozen=True, eq=False)
class TrainingLoop:
    """How a network is trained, but for what it learns.

    Attributes:
        what: is trained, for messages, e.g. "encoder".
        optimizer: of the network, at its highest learning rate.
        steps: of the whole training.
        seed: a step draws from a generator that follows from it and the step's number alone.
        rate: share of the highest learning rate at a share of the training, both in [0, 1].
        clip: longest gradient; None for any.
        keep: where the training stands is kept there every :data:`SAVE_EVERY` steps; None: nowhere.
        on_progress: is told of every step.
        seconds: of the processor, after which it ends early; None for as many as it takes.
    """

    what: str
    optimizer: torch.optim.Optimizer
    steps: int
    seed: int
    rate: Callable[[float], float] = lambda done: 1.0
    clip: float | None = None
    keep: Checkpoint | None = None
    on_progress: Callable[[Progress], None] | None = None
    seconds: float | None = None

    def train(self, network: nn.Module, loss_of_step: Callable[[np.random.Generator], Tensor]) -> None:
        """Train in place; a training that was killed goes on to the same bits. It ends ready for use.

        Args:
            loss_of_step: draws what a step learns from, and returns its loss, scalar.

        Raises:
            TrainingDiverged: the loss is no longer a number.
        """
        highest = [group["lr"] for group in self.optimizer.param_groups]
        start = self.keep.restore(network, self.optimizer) if self.keep is not None else 0
        network.train()
        began = time.process_time()
        for step in range(start, self.steps):
            for group, rate in zip(self.optimizer.param_groups, highest, strict=True):
                group["lr"] = rate * self.rate(step / self.steps)
            loss = loss_of_step(np.random.default_rng([self.seed, step]))
            if not torch.isfinite(loss):
                raise TrainingDiverged(f"{self.what}: the loss is {loss.item()} at step {step} of {self.steps}")
            self.optimizer.zero_grad()
            loss.backward()
            if self.clip is not None:
                nn.utils.clip_grad_norm_(network.parameters(), self.clip)
            self.optimizer.step()
            if self.keep is not None and (step + 1) % SAVE_EVERY == 0 and step + 1 < self.steps:
                self.keep.save(network, self.optimizer, step + 1)
            if self.on_progress is not None:
                self.on_progress(Progress(step + 1, self.steps, f"{self.what}, loss {loss.item():.3f}"))
            if self.seconds is not None and time.process_time() - began > self.seconds:
                break
        network.eval()


def half_cosine(done: float) -> float:
    """Return a share of the learning rate that falls from 1 to 0 along half a cosine."""
    return float(1 + np.cos(np.pi * done)) / 2
