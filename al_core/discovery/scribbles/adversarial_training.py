"""Training on strokes, while a critic compares what is said of all frames with masks of other pictures.

Pixels without a stroke teach nothing by themselves: the cross-entropy is that of scribbled pixels, each class counting
the same. Where masks of other pictures are given, what the network says of any frame, and what its decoder attends to,
has to look as they do. Both losses count by how large they are at the time. The critic learns from maps that carry no
gradient back, and no gradient of its own loss reaches the network.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
from al_core.errors import TrainingDiverged
from al_core.networks.network_state import Checkpoint, seeded
from al_core.networks.unet import STRIDE
from al_core.records import Progress

BATCH = 4
LEARNING_RATE = 2e-3
CRITIC_RATE = 2e-3
WARM_UP = 20
CHECKPOINT_STEPS = 50

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
    weight: float = 0.2
    seconds: float = 180.0


class Pair(nn.Module):
    """The network, and the critic where there is one.

    Args:
        classes: the background and at least one kind of object.
        seed: of the weights; the network's are the same with a critic and without.
    """

    def __init__(self, classes: int, seed: int, with_critic: bool) -> None:
        super().__init__()
        self.network = seeded(lambda: GatedUNet(classes), seed)
        self.critic = seeded(ShapeCritic, seed + 1) if with_critic else None


def train(
    scribbled: Sequence[ScribbledFrame],
    pictures: Sequence[Picture],
    shapes: Sequence[Shape],
    classes: int,
    seed: int,
    schedule: Schedule = Schedule(),
    keep: Checkpoint | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> GatedUNet:
    """Return a network that learned from strokes. What a step sees follows from the seed and its number alone.

    Args:
        scribbled: at least one frame, each with a stroke.
        pictures: all frames that the critic looks at, RGB uint8 [h, w, 3].
        shapes: masks of other pictures, bool [h, w], at the scale of the frames; without any there is no critic.
        classes: the background and at least one kind of object.
        keep: where the training stands is kept there.

    Raises:
        TrainingDiverged: the loss is no longer a number.
    """
    pair = Pair(classes, seed, bool(schedule.weight) and bool(shapes))
    groups = [{"params": pair.network.parameters(), "lr": LEARNING_RATE, "top": LEARNING_RATE}]
    if pair.critic is not None:
        groups.append({"params": pair.critic.parameters(), "lr": CRITIC_RATE, "top": CRITIC_RATE})
    optimizer = torch.optim.Adam(groups, betas=(0.5, 0.999))
    start = keep.restore(pair, optimizer) if keep is not None else 0
    began = time.process_time()
    # Half as long where the processor has it; elsewhere it would only be slower.
    quick = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    pair.train()
    for step in range(start, schedule.steps):
        for group in optimizer.param_groups:
            group["lr"] = group["top"] * min((step + 1) / WARM_UP, 1) * (1 + np.cos(np.pi * step / schedule.steps)) / 2
        with torch.autocast("cpu", torch.bfloat16, enabled=quick):
            loss, said = _losses(pair, scribbled, pictures, shapes, seed, step, schedule)
        if not torch.isfinite(loss):
            raise TrainingDiverged(f"scribbles: the loss is {loss.item()} at step {step} of {schedule.steps}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if keep is not None and (step + 1) % CHECKPOINT_STEPS == 0 and step + 1 < schedule.steps:
            keep.save(pair, optimizer, step + 1)
        if on_progress is not None:
            on_progress(Progress(step + 1, schedule.steps, f"scribbles, {said}"))
        if time.process_time() - began > schedule.seconds:
            break
    return pair.network.eval()


def _losses(
    pair: Pair,
    scribbled: Sequence[ScribbledFrame],
    pictures: Sequence[Picture],
    shapes: Sequence[Shape],
    seed: int,
    step: int,
    schedule: Schedule,
) -> tuple[Tensor, str]:
    """Return the loss of a step, and it in words."""
    rng, side = np.random.default_rng((seed, step)), side_of(pictures)
    crops = [scribbled_crop(scribbled[int(rng.integers(len(scribbled)))], side, rng) for _ in range(BATCH)]
    inputs, classes = (torch.from_numpy(np.stack(parts)) for parts in zip(*crops, strict=True))
    entropy = scribble_loss(pair.network.seen(inputs).logits, classes)
    if pair.critic is None:
        return entropy, f"loss {entropy.item():.3f}"
    # Drawn apart, so that strokes are seen as they would be without a critic.
    apart = np.random.default_rng((seed, step, 1))
    noise = torch.Generator().manual_seed(int(apart.integers(2**31)))
    whole = np.stack([any_crop(pictures[int(apart.integers(len(pictures)))], side, apart) for _ in range(BATCH)])
    drawn = np.stack([shape_crop(shapes[int(apart.integers(len(shapes)))], side, apart) for _ in range(BATCH)])
    seen = pair.network.seen(torch.from_numpy(whole))
    said = [seen.objects, *reversed(seen.attention)]
    pair.critic.requires_grad_(False)
    like = likeness_loss(pair.critic, said, noise)
    pair.critic.requires_grad_(True)
    telling = telling_loss(pair.critic, scales_of(torch.from_numpy(drawn)), said, noise)
    # As large as the cross-entropy is: without this the critic would be followed more the better strokes are learnt.
    ratio = entropy.detach().clamp(min=LEAST_LOSS) / like.detach().clamp(min=LEAST_LOSS)
    loss = entropy + schedule.weight * ratio * like + telling
    return loss, f"loss {entropy.item():.3f}, critic {telling.item():.3f}"


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
