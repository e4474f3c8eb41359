"""Training of the specialist: on the labelled frames of one clip, or of many clips as the parent of such.

OSVOS (Caelles et al., "One-Shot Video Object Segmentation", CVPR 2017) has the same two stages: a parent that
knows what objects are, and a short training on the clip itself, here with all its labelled frames.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from al_core.errors import BadLabel, TrainingDiverged
from al_core.footage.clips import ClipFrames
from al_core.footage.images import working_size
from al_core.networks.network_state import Checkpoint
from al_core.networks.unet import STRIDE, UNet, segmentation_loss
from al_core.propagation.base import Labels, Propagator
from al_core.propagation.specialist.examples import CROP, ExampleFrame, draw, labelled_frames
from al_core.propagation.specialist.network import scale_seen
from al_core.records import Progress

BATCH = 4
LEARNING_RATE = 2e-3
WARM_UP = 20
CHECKPOINT_STEPS = 50

MOST_PARENT_FRAMES = 512
"""Labelled frames of all clips together that a parent learns from."""


def train(
    network: UNet,
    examples: Sequence[ExampleFrame],
    steps: int,
    seed: int,
    keep: Checkpoint | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> None:
    """Train a network in place. What a step sees follows from the seed and its number alone, so a training that
    was killed and is continued ends with the same weights.

    Args:
        examples: at least one frame.
        steps: of AdamW, with four crops each.
        keep: where the training stands is kept there, every 50 steps.

    Raises:
        BadLabel: there is no example. TrainingDiverged: the loss is no longer a number.
    """
    if not examples:
        raise BadLabel("a specialist is trained on labelled frames, got none; label at least one")
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=1e-4, fused=True)
    start = keep.restore(network, optimizer) if keep is not None else 0
    longest = max(max(e.image.shape[:2]) for e in examples)
    side = min(CROP, int(-(-longest * scale_seen(longest) // STRIDE)) * STRIDE)
    # Half as long where the processor has it; elsewhere it would only be slower.
    quick = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    network.train()
    for step in range(start, steps):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * _schedule(step, steps)
        rng = np.random.default_rng((seed, step))
        crops = [draw(examples[int(rng.integers(len(examples)))], rng, side) for _ in range(BATCH)]
        inputs = torch.from_numpy(np.stack([crop.inputs for crop in crops])).permute(0, 3, 1, 2)
        with torch.autocast("cpu", torch.bfloat16, enabled=quick):
            logits = network(inputs)
        loss = segmentation_loss(logits.float(), torch.from_numpy(np.stack([crop.target for crop in crops])))
        if not torch.isfinite(loss):
            raise TrainingDiverged(f"specialist: the loss is {loss.item()} at step {step} of {steps}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if keep is not None and (step + 1) % CHECKPOINT_STEPS == 0 and step + 1 < steps:
            keep.save(network, optimizer, step + 1)
        if on_progress is not None:
            on_progress(Progress(step + 1, steps, f"specialist, loss {loss.item():.3f}"))
    network.eval()


def _schedule(step: int, steps: int) -> float:
    """Return the share of the highest learning rate: up in a line, down along a cosine."""
    return float(min((step + 1) / WARM_UP, 1) * (1 + np.cos(np.pi * step / steps)) / 2)


def train_parent(
    network: UNet,
    clips: Sequence[tuple[ClipFrames, Labels, Propagator]],
    long_side: int,
    steps: int = 1000,
    seed: int = 0,
    keep: Checkpoint | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> None:
    """Train a network in place on labelled clips, as a parent: weights for the setting ``propagation.parent``.

    Memory: that of :data:`MOST_PARENT_FRAMES` labelled frames, the same share of each clip.

    Args:
        clips: labelled clips, other ones than the parent is to be used on; at least two labels each give
            realistic priors. With what brings masks from one labelled frame to another, such as the flow propagator.
        long_side: of the masks that it gives, in pixels.
        keep: where the training stands is kept there.

    Raises:
        BadLabel: no clip has a label.
    """
    examples: list[ExampleFrame] = []
    of_each = max(MOST_PARENT_FRAMES // max(len(clips), 1), 1)
    for number, (frames, labels, carry) in enumerate(clips, start=1):
        examples += labelled_frames(frames, labels, working_size(*frames.size, long_side), carry, of_each)
        if on_progress is not None:
            on_progress(Progress(0, steps, f"clip {number} of {len(clips)} is read"))
    train(network, examples, steps, seed, keep, on_progress)
