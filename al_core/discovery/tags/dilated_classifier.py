"""A classifier of frames whose maps tell where a category is, learnt from tags alone.

A classifier needs only the part by which it tells a category best, and its map shows only that part. Convolutions with
holes carry what is seen there to cells further away, each as far as its own rate, so several of them beside a plain one
cover more of the object; what only one of them shows is held down by the mean of all (after Wei and others: "Revisiting
Dilated Convolution", CVPR 2018; written anew from what the paper's idea is).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from al_core.networks.network_state import Checkpoint, seeded
from al_core.networks.training_loop import TrainingLoop, half_cosine
from al_core.records import Progress

RATES = (1, 3, 6, 9)
"""Of the branches: the first is plain, the others have holes."""

WIDTH = 48
STEPS = 200
BATCH = 8
LEARNING_RATE = 2e-3
DECAY = 1e-3

Maps = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TaggedFrame:
    """What a backbone sees in a frame, and what people said is in it.

    Attributes:
        seen: float32 [channels, rows, columns]; frames may have different sizes.
        present: of each category, 1 where the frame shows it, 0 where it does not, NaN where nobody said; float32 [c].
    """

    seen: Tensor
    present: NDArray[np.float32]


class DilatedClassifier(nn.Module):
    """Branches of one rate each, each with a map of every category.

    Args:
        channels: of what the backbone sees.
        rates: of the branches' convolutions, the plain one first.
    """

    def __init__(self, channels: int, n_categories: int, rates: Sequence[int] = RATES) -> None:
        super().__init__()
        self.rates = tuple(rates)
        self.normal = nn.BatchNorm2d(channels)
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, WIDTH, 3, padding=rate, dilation=rate), nn.ReLU(), nn.Conv2d(WIDTH, n_categories, 1)
            )
            for rate in rates
        )

    def forward(self, seen: Tensor) -> Tensor:
        """Return the map of each branch and category, float32 [branches, n, categories, rows, columns]."""
        normal = self.normal(seen)
        return torch.stack([branch(normal) for branch in self.branches])

    @torch.no_grad()
    def maps(self, seen: Tensor) -> Maps:
        """Return where each category is in a frame, float32 [categories, rows, columns], at least 0: the plain branch's
        map and the mean of the others'."""
        found = self(seen[None])[:, 0].relu()
        peaks = found.amax(dim=(-2, -1), keepdim=True).clamp_min(1e-6)
        found = found / peaks
        both = found[0] + found[1:].mean(dim=0) if len(found) > 1 else found[0]
        return np.asarray(both.numpy(), np.float32)

    @torch.no_grad()
    def chances(self, seen: Tensor) -> NDArray[np.float64]:
        """Return how likely each category is in a frame, float64 [categories] in [0, 1]: the mean of the branches."""
        pooled = pool(self(seen[None]))[:, 0]
        return np.asarray(torch.sigmoid(pooled).mean(dim=0).numpy(), np.float64)


def pool(maps: Tensor) -> Tensor:
    """Return what maps [..., rows, columns] say of their whole frame."""
    return maps.mean(dim=(-2, -1))


def train(
    network: DilatedClassifier,
    frames: Sequence[TaggedFrame],
    seed: int,
    steps: int = STEPS,
    keep: Checkpoint | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> None:
    """Learn from tagged frames, in place: each branch tells by itself what is in a frame.

    Args:
        frames: at least one; what nobody said teaches nothing.

    The other arguments are those of :class:`~al_core.networks.training_loop.TrainingLoop`.
    """
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=DECAY)
    weights = _weights(np.stack([frame.present for frame in frames]))

    def loss_of_step(rng: np.random.Generator) -> Tensor:
        batch = _batch(frames, rng)
        seen = torch.stack([_turned(frame.seen, rng) for frame in batch])
        said = torch.from_numpy(np.stack([frame.present for frame in batch]))
        known = ~torch.isnan(said)
        pooled = pool(network(seen))[:, known]
        told = said[known].expand(len(pooled), -1)
        counts = _each(weights, said)[known].expand(len(pooled), -1)
        return functional.binary_cross_entropy_with_logits(pooled, told, weight=counts)

    TrainingLoop("tags", optimizer, steps, seed, _rising_and_falling, keep=keep, on_progress=on_progress).train(
        network, loss_of_step
    )


def new_classifier(channels: int, n_categories: int, seed: int, rates: Sequence[int] = RATES) -> DilatedClassifier:
    """Make a classifier with random weights that follow from the seed."""
    return seeded(lambda: DilatedClassifier(channels, n_categories, rates), seed)


def _rising_and_falling(done: float) -> float:
    """Return a share of the learning rate that rises over the first tenth of a training and then falls."""
    return (done + 0.01) / 0.11 if done < 0.1 else half_cosine((done - 0.1) / 0.9)


def _weights(said: NDArray[np.float32]) -> Tensor:
    """Return what a no and a yes to each category count, float32 [2, c], so that both count alike in all."""
    yes, no = (said == 1).sum(axis=0), (said == 0).sum(axis=0)
    total = yes + no
    both = np.stack([total / np.maximum(2 * no, 1), total / np.maximum(2 * yes, 1)])
    return torch.from_numpy(np.clip(both, 0.1, 10).astype(np.float32))


def _each(weights: Tensor, said: Tensor) -> Tensor:
    return torch.where(said == 1, weights[1], weights[0])


def _batch(frames: Sequence[TaggedFrame], rng: np.random.Generator) -> list[TaggedFrame]:
    """Return some frames of one size that say something, drawn at random."""
    first = frames[int(rng.integers(len(frames)))]
    alike = [frame for frame in frames if frame.seen.shape == first.seen.shape]
    return [alike[int(i)] for i in rng.integers(len(alike), size=BATCH)]


def _turned(seen: Tensor, rng: np.random.Generator) -> Tensor:
    """Return what was seen as it is, or as in a mirror."""
    return seen.flip(-1) if rng.random() < 0.5 else seen
