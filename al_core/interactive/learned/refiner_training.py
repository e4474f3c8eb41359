"""Training of a refiner by simulated gestures on labelled frames.

What a step sees follows from the seed, its number and the weights before it, so that a training that was killed and
is continued ends with the same weights as one that was not, if both end at the same step. Which step is the last is
for the clock to say where seconds are limited: how many were done is kept with the weights.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from al_core.errors import BadCheckpoint, BadLabel, TrainingDiverged
from al_core.interactive.learned.prompts import IN_CHANNELS, network_input
from al_core.interactive.learned.situations import LabelledObjects, Situation, situation
from al_core.interactive.learned.views import View
from al_core.networks.network_state import Checkpoint, load_state, seeded
from al_core.networks.unet import STRIDE, UNet, segmentation_loss
from al_core.records import Progress

SIDE = 192
"""Of the square that the network sees, in pixels."""

BATCH = 4
LEARNING_RATE = 2e-3
WARM_UP = 20
"""Steps until the learning rate is at its full height, where it stays: when the training ends is not known."""

AVERAGED = 0.98
"""Decay of the moving average of the weights, whose result is used in the place of weights after a falling rate."""

MOST_STEPS = 2000
CHECKPOINT_STEPS = 25

GESTURES = (0.45, 0.35, 0.2)
"""How often a situation has one, two or three gestures before what comes out is judged."""

LOOKED_AGAIN = 0.35
"""Share of further passes without a further gesture: the refiner looks twice at what it found."""

ADVICE = "the next training makes another"


@dataclass(frozen=True, slots=True)
class TrainingLimits:
    """When a training ends: after so many steps or seconds, whichever comes first.

    Attributes:
        side: height and width of what the network sees, in pixels, a multiple of 16.
    """

    seconds: float
    steps: int = MOST_STEPS
    side: int = SIDE

    def __post_init__(self) -> None:
        if self.side < STRIDE or self.side % STRIDE:
            raise ValueError(f"the network sees squares whose side is a multiple of {STRIDE}, got {self.side}")

    def progress(self, steps: int, seconds: float, note: str) -> Progress:
        """Return how far a training is: in seconds, or in steps where it may take any time."""
        if self.seconds == math.inf:
            return Progress(steps, self.steps, note)
        return Progress(min(int(seconds), int(self.seconds)), int(self.seconds), note)


class _Training(nn.Module):
    """Everything of a training that is kept with its optimizer: the weights, their average, and the seconds so far."""

    seconds: Tensor

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network
        self.average = new_refiner_network(0)
        self.average.load_state_dict(network.state_dict())
        self.register_buffer("seconds", torch.zeros((), dtype=torch.float64))

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Bring the average nearer to the weights; early on it follows faster."""
        decay = min(AVERAGED, (1 + step) / (10 + step))
        for mean, value in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if value.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)


def new_refiner_network(seed: int) -> UNet:
    """Make a network for gestures with random weights that follow from the seed."""
    return seeded(partial(UNet, IN_CHANNELS), seed)


def read_refiner_network(path: Path) -> UNet:
    """Read a network from a file of :func:`~al_core.networks.network_state.to_bytes`, ready for use.

    Raises:
        BadCheckpoint: there is no such file, it cannot be read, or its weights are another network's.
    """
    network = new_refiner_network(0)
    load_state(path, network, "a refiner", ADVICE)
    return network.eval()


def started_from(path: Path | None, seed: int) -> tuple[UNet, str]:
    """Return the network that a training starts from, and a note where a file of weights cannot be used."""
    if path is None:
        return new_refiner_network(seed), ""
    try:
        return read_refiner_network(path), ""
    except BadCheckpoint as error:
        return new_refiner_network(seed), f"the refiner starts from random weights: {error}"


def train_refiner(
    network: UNet,
    frames: Sequence[LabelledObjects],
    limits: TrainingLimits,
    seed: int,
    keep: Checkpoint | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Train a network in place; at the end it has the average of its weights, and is ready for use.

    Args:
        network: where the training starts.
        frames: labelled frames; those without a large object are passed over.
        keep: where the training stands is kept there, every 25 steps, with the seconds that it took.
        clock: seconds that never go back.

    Returns:
        The steps that were done, those before a kill among them.

    Raises:
        BadLabel: no frame has a large object. TrainingDiverged: the loss is no longer a number.
    """
    frames = [frame for frame in frames if frame.large]
    if not frames:
        raise BadLabel("a refiner is trained on labelled objects, got none; label some first")
    training = _Training(network)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=1e-4)
    step = keep.restore(training, optimizer) if keep is not None else 0
    began = clock() - float(training.seconds)
    while step < limits.steps and clock() - began < limits.seconds:
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min((step + 1) / WARM_UP, 1)
        loss = _loss(network, frames, limits.side, np.random.default_rng((seed, step)))
        if not torch.isfinite(loss):
            raise TrainingDiverged(f"refiner: the loss is {loss.item()} at step {step}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        training.follow(step)
        step += 1
        if keep is not None and step % CHECKPOINT_STEPS == 0:
            training.seconds.fill_(clock() - began)
            keep.save(training, optimizer, step)
        if on_progress is not None:
            on_progress(limits.progress(step, clock() - began, f"refiner, loss {loss.item():.3f}"))
    network.load_state_dict(training.average.state_dict())
    network.eval()
    return step


def _loss(network: UNet, frames: Sequence[LabelledObjects], side: int, rng: np.random.Generator) -> Tensor:
    """Return the loss of the last of some gestures on a few objects, each mask but the last being the network's own."""
    batch = [situation(frames[int(rng.integers(len(frames)))], rng) for _ in range(BATCH)]
    for _ in range(int(rng.choice(len(GESTURES), p=GESTURES))):
        batch = [_next(one, rng) for one in _attempted(network, batch, side, rng)]
    views = [one.view(rng, side) for one in batch]
    network.train()
    logits = network(_stacked(batch, views))
    target = np.stack([view.values(one.truth) for one, view in zip(batch, views, strict=True)])
    return segmentation_loss(logits, torch.from_numpy(target))


@torch.no_grad()
def _attempted(network: UNet, batch: Sequence[Situation], side: int, rng: np.random.Generator) -> list[Situation]:
    """Return the situations with what the network makes of them as the present masks."""
    views = [one.view(rng, side) for one in batch]
    network.eval()
    found = network(_stacked(batch, views)).sigmoid().numpy()
    return [
        replace(one, present=view.on_frame(values, one.size) > 0.5)
        for one, view, values in zip(batch, views, found, strict=True)
    ]


def _next(one: Situation, rng: np.random.Generator) -> Situation:
    return one if rng.random() < LOOKED_AGAIN else one.clicked(rng)


def _stacked(batch: Sequence[Situation], views: Sequence[View]) -> Tensor:
    inputs = [network_input(view, s.image, s.present, s.prompt) for s, view in zip(batch, views, strict=True)]
    return torch.from_numpy(np.stack(inputs))
