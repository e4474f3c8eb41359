"""Training of the student on all clips, without labels; it goes on where it was stopped."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from al_core.discovery.granularity.lesson import TaughtShot, in_lab
from al_core.discovery.granularity.losses import (
    USUAL,
    Affinity,
    Weights,
    concentration_loss,
    cycle_loss,
    frame_loss,
    pooled,
    recolouring_loss,
    video_loss,
)
from al_core.discovery.granularity.memory_network import MEMORY, GranularityNetwork
from al_core.networks.network_state import Checkpoint
from al_core.networks.training_loop import TrainingLoop, half_cosine
from al_core.records import Progress

STEPS = 400
"""A step takes the same time however much footage there is, half a second of one processor on frames of 16:9."""

SHOTS = 2
"""That a step learns from."""

APART = 3
"""Frames between the two that are matched, at most."""

LEARNING_RATE = 2e-3


class Drawn(NamedTuple):
    """Frames of a shot: two that are learnt from, and those that the memory holds.

    Attributes:
        lab: float32 [2 + MEMORY, 3, h, w].
        odds, target: of the first two, float32 [2, h, w].
    """

    lab: Tensor
    odds: Tensor
    target: Tensor


def train(
    network: GranularityNetwork,
    shots: Sequence[TaughtShot],
    seed: int,
    weights: Weights = USUAL,
    steps: int = STEPS,
    keep: Checkpoint | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> None:
    """Train in place.

    Args:
        shots: at least one.
        seed: what a step draws follows from it and the step's number.

    Raises:
        TrainingDiverged: the loss is no longer a number.
    """
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    loop = TrainingLoop("student of motion", optimizer, steps, seed, half_cosine, 5.0, keep, on_progress)
    loop.train(network, lambda rng: step_loss(network, shots, weights, rng))


def step_loss(
    network: GranularityNetwork, shots: Sequence[TaughtShot], weights: Weights, rng: np.random.Generator
) -> Tensor:
    """Return the loss of one step, scalar."""
    chosen = rng.choice(len(shots), SHOTS, replace=len(shots) < SHOTS)
    total, inside, outside, clips = torch.zeros(()), [], [], []
    for number in chosen.tolist():
        drawn = draw(shots[number], rng)
        fine, coarse = network.seen(drawn.lab)
        if weights.frame:
            logits = network.logits((fine[:2], coarse[:2]), network.remembered(coarse[2:]))
            total = total + weights.frame * frame_loss(logits, drawn.odds, drawn.target)
        total = total + _between_frames(network, drawn.lab, fine, weights, rng)
        inside.append(pooled(coarse[:2], drawn.target))
        outside.append(pooled(coarse[:2], 1 - drawn.target))
        clips += [number, number]
    if weights.video:
        total = total + weights.video * video_loss(torch.cat(inside), torch.cat(outside), torch.tensor(clips))
    return total / SHOTS


def draw(shot: TaughtShot, rng: np.random.Generator) -> Drawn:
    """Draw two neighbouring frames in which the teacher found something, mirrored by chance, and a memory."""
    n = len(shot.pictures)
    here = int(rng.choice(shot.shown))
    near = [i for i in range(max(0, here - APART), min(n, here + APART + 1)) if i != here]
    there = int(rng.choice(near))
    flip = bool(rng.integers(2))
    lab = in_lab([shot.pictures[i] for i in (here, there, *memory_of(range(n)))])
    maps = [np.stack([values[i] for i in (here, there)]).astype(np.float32) for values in (shot.odds, shot.objects)]
    odds, target = (torch.from_numpy(values) for values in maps)
    if flip:
        lab, odds, target = lab.flip(3), odds.flip(2), target.flip(2)
    return Drawn(lab, odds, target)


def memory_of(frames: range) -> list[int]:
    """Return the frames of a stretch that the memory holds, evenly spaced; some twice in short ones."""
    at = frames.start + (np.arange(MEMORY) + 0.5) * len(frames) / MEMORY
    return at.astype(int).tolist()


def _between_frames(
    network: GranularityNetwork, lab: Tensor, fine: Tensor, weights: Weights, rng: np.random.Generator
) -> Tensor:
    """Return the losses about how two frames match, scalar."""
    total = torch.zeros(())
    if weights.recolouring:
        dropped = int(rng.integers(1, 3))
        total = total + weights.recolouring * recolouring_loss(network.encoder, lab[:1], lab[1:2], dropped)
    if weights.concentration or weights.cycle:
        features = fine[:, : -lab.shape[1]]
        forth, back = Affinity.between(features[0], features[1]), Affinity.between(features[1], features[0])
        if weights.concentration:
            total = total + weights.concentration * concentration_loss(forth)
        if weights.cycle:
            total = total + weights.cycle * cycle_loss(forth, back)
    return total
