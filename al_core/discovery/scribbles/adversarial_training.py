"""Training on strokes, while a critic compares what is said of all frames with masks of other pictures.

Pixels without a stroke teach nothing by themselves: the cross-entropy is that of scribbled pixels, each class counting
the same. Where masks of other pictures are given, what the network says of any frame, and what its decoder attends to,
has to look as they do. Both losses count by how large they are at the time. The critic learns from maps that carry no
gradient back, and no gradient of its own loss reaches the network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from al_core.discovery.scribbles.crops import (
    UNKNOWN,
    Picture,
    ScribbledFrame,
    Shape,
    any_crop,
    normalised,
    scribbled_crop,
    shape_crop,
    side_of,
)
from al_core.discovery.scribbles.gated_unet import GatedUNet
from al_core.discovery.scribbles.shape_critic import ShapeCritic, likeness_loss, scales_of, telling_loss
from al_core.networks.network_state import Checkpoint, in_half_precision, seeded
from al_core.networks.training_loop import TrainingLoop, half_cosine
from al_core.networks.unet import STRIDE
from al_core.records import Progress

Thing = TypeVar("Thing")

BATCH = 4
LEARNING_RATE = 2e-3
WARM_UP = 20

LEAST_LOSS = 1e-3
"""Below this a loss does not count as smaller."""


@dataclass(frozen=True)
class Schedule:
    """How long is learnt, and how much.

    Attributes:
        steps: of Adam, with four crops of each kind.
        weight: of the critic; with 0 there is none, and masks of other pictures change nothing.
        seconds: of the processor, after which it ends early.
    """

    steps: int = 600
    weight: float = 1.0
    seconds: float = 180.0


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is learnt from.

    Attributes:
        scribbled: at least one frame, each with a stroke.
        pictures: all frames that the critic looks at, RGB uint8 [h, w, 3].
        shapes: masks of other pictures, bool [h, w], at the scale of the frames; without any there is no critic.
    """

    scribbled: Sequence[ScribbledFrame]
    pictures: Sequence[Picture]
    shapes: Sequence[Shape]


class Pair(nn.Module):
    """The network, and the critic where there is one."""

    def __init__(self, network: GatedUNet, critic: ShapeCritic | None) -> None:
        super().__init__()
        self.network = network
        self.critic = critic


def train(
    network: GatedUNet,
    lesson: Lesson,
    seed: int,
    schedule: Schedule = Schedule(),
    keep: Checkpoint | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> None:
    """Train a network in place, from strokes and shapes. What a step sees follows from the seed and its number alone.

    Args:
        network: for as many classes as are learnt.
        seed: also of the critic's weights.
        keep: where the training stands is kept there.

    Raises:
        TrainingDiverged: the loss is no longer a number.
    """
    pair = Pair(network, seeded(ShapeCritic, seed + 1) if schedule.weight and lesson.shapes else None)
    optimizer = torch.optim.Adam(pair.parameters(), LEARNING_RATE, betas=(0.5, 0.999))
    side = side_of([frame.image for frame in lesson.scribbled])

    def loss(rng: np.random.Generator) -> Tensor:
        crops = [scribbled_crop(_one_of(lesson.scribbled, rng), side, rng) for _ in range(BATCH)]
        inputs, classes = (torch.from_numpy(np.stack(parts)) for parts in zip(*crops, strict=True))
        with in_half_precision():
            entropy = scribble_loss(network.seen(inputs).logits, classes)
            # Drawn after the strokes, so that these are seen as they would be without a critic.
            return entropy if pair.critic is None else entropy + _of_shapes(pair, lesson, schedule, side, rng, entropy)

    def rate(done: float) -> float:
        """Return the share of the highest learning rate: up in a line, down along a cosine."""
        return min((round(done * schedule.steps) + 1) / WARM_UP, 1) * half_cosine(done)

    loop = TrainingLoop(
        "scribbles", optimizer, schedule.steps, seed, rate, keep=keep, on_progress=on_progress, seconds=schedule.seconds
    )
    loop.train(pair, loss)


def _of_shapes(
    pair: Pair, lesson: Lesson, schedule: Schedule, side: int, rng: np.random.Generator, entropy: Tensor
) -> Tensor:
    """Return how little what is said of frames looks like masks, as much as the cross-entropy of strokes counts, and
    the critic's own loss."""
    pictures = np.stack([any_crop(_one_of(lesson.pictures, rng), side, rng) for _ in range(BATCH)])
    drawn = np.stack([shape_crop(_one_of(lesson.shapes, rng), side, rng) for _ in range(BATCH)])
    noise = torch.Generator().manual_seed(int(rng.integers(2**31)))
    seen = pair.network.seen(torch.from_numpy(pictures))
    said = [seen.objects, *reversed(seen.attention)]
    critic = pair.critic
    assert critic is not None
    critic.requires_grad_(False)
    like = likeness_loss(critic, said, noise)
    critic.requires_grad_(True)
    telling = telling_loss(critic, scales_of(torch.from_numpy(drawn)), said, noise)
    ratio = entropy.detach().clamp(min=LEAST_LOSS) / like.detach().clamp(min=LEAST_LOSS)
    return schedule.weight * ratio * like + telling


def _one_of(things: Sequence[Thing], rng: np.random.Generator) -> Thing:
    return things[int(rng.integers(len(things)))]


def scribble_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the cross-entropy of scribbled pixels, the mean over the classes that there are.

    Args:
        logits: float32 [n, classes, h, w].
        classes: int64 [n, h, w], -1 where nobody scribbled, which counts for nothing.
    """
    each = cross_entropy(logits, classes, ignore_index=UNKNOWN, reduction="none")
    known = [classes == number for number in range(logits.shape[1])]
    parts = [each[where].mean() for where in known if bool(where.any())]
    return torch.stack(parts).mean() if parts else each.sum()


@torch.inference_mode()
def probabilities(network: GatedUNet, image: Picture) -> NDArray[np.float32]:
    """Return how likely each pixel is of each class, float32 [classes, h, w]: as it is, and mirrored."""
    height, width = image.shape[:2]
    below, right = -height % STRIDE, -width % STRIDE
    padded = np.asarray(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REFLECT_101), np.uint8)
    one = torch.from_numpy(normalised(padded))[None]
    both = network.seen(torch.cat([one, one.flip(-1)])).logits.softmax(dim=1)
    found = (both[0] + both[1].flip(-1)) / 2
    return np.asarray(found[:, :height, :width].numpy(), np.float32)
