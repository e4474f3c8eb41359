"""Training of the specialist: on the labelled frames of one clip, or of many clips as the parent of such.

OSVOS (Caelles et al., "One-Shot Video Object Segmentation", CVPR 2017) has the same two stages: a parent that
knows what objects are, and a short training on the clip itself, here with all its labelled frames.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from al_core.errors import BadLabel
from al_core.footage.clips import ClipFrames
from al_core.footage.images import working_size
from al_core.networks.network_state import Checkpoint, in_half_precision
from al_core.networks.training_loop import TrainingLoop, half_cosine
from al_core.networks.unet import STRIDE, UNet, segmentation_loss
from al_core.propagation.base import Labels, Propagator
from al_core.propagation.specialist.examples import CROP, ExampleFrame, draw, labelled_frames
from al_core.records import Progress

BATCH = 4
LEARNING_RATE = 2e-3
CONTINUED = 1e-3
"""Highest learning rate of a training that goes on from a trial's."""

WARM_UP = 20

MOST_PARENT_FRAMES = 512
"""Labelled frames of all clips together that a parent learns from."""


def train(
    network: UNet,
    examples: Sequence[ExampleFrame],
    steps: int,
    seed: int,
    keep: Checkpoint | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    highest: float = LEARNING_RATE,
) -> None:
    """Train a network in place. What a step sees follows from the seed and its number alone, so a training that
    was killed and is continued ends with the same weights.

    Args:
        examples: at least one frame.
        steps: of AdamW, with four crops each.
        keep: where the training stands is kept there, every 50 steps.
        highest: learning rate.

    Raises:
        BadLabel: there is no example. TrainingDiverged: the loss is no longer a number.
    """
    if not examples:
        raise BadLabel("a specialist is trained on labelled frames, got none; label at least one")
    optimizer = torch.optim.AdamW(network.parameters(), highest, weight_decay=1e-4, fused=True)
    longest = max(max(e.image.shape[:2]) for e in examples)
    side = min(CROP, -(-longest // STRIDE) * STRIDE)

    def loss(rng: np.random.Generator) -> torch.Tensor:
        crops = [draw(examples[int(rng.integers(len(examples)))], rng, side) for _ in range(BATCH)]
        inputs = torch.from_numpy(np.stack([crop.inputs for crop in crops])).permute(0, 3, 1, 2)
        with in_half_precision():
            logits = network(inputs)
        return segmentation_loss(logits.float(), torch.from_numpy(np.stack([crop.target for crop in crops])))

    def rate(done: float) -> float:
        """Return the share of the highest learning rate: up in a line, down along a cosine."""
        return min((round(done * steps) + 1) / WARM_UP, 1) * half_cosine(done)

    TrainingLoop("specialist", optimizer, steps, seed, rate, None, keep, on_progress).train(network, loss)


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
