"""Training of the specialist: on the labelled frames of one clip, or of many clips as the parent of such.

OSVOS (Caelles et al., "One-Shot Video Object Segmentation", CVPR 2017) has the same two stages: a parent that
knows what objects are, and a short training on the clip itself, here with all its labelled frames.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from al_core.errors import BadLabel, TrainingDiverged
from al_core.footage.clips import ClipFrames
from al_core.masks.soft import Size
from al_core.networks.network_state import Checkpoint, to_bytes
from al_core.networks.unet import STRIDE, UNet, segmentation_loss
from al_core.propagation.base import Labels, Propagator
from al_core.propagation.specialist.examples import CROP, ExampleFrame, draw, labelled_frames
from al_core.propagation.specialist.network import new_network, scale_seen
from al_core.records import Progress
from al_core.stores.disk_cache import DiskCache

BATCH = 4
LEARNING_RATE = 2e-3
WARM_UP = 20
CHECKPOINT_STEPS = 50


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
    clips: Iterable[tuple[ClipFrames, Labels]],
    size: Callable[[ClipFrames], Size],
    carry: Propagator,
    path: Path,
    steps: int = 1000,
    seed: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
) -> UNet:
    """Train a parent on labelled clips and write its weights to a file for the setting ``propagation.parent``.

    Args:
        clips: labelled clips, other ones than the parent is to be used on; at least two labels each give
            realistic priors.
        size: (height, width) of the masks that ``carry`` gives for a clip.
        carry: brings masks from one labelled frame to another, such as the flow propagator.
        path: where to write.

    Raises:
        BadLabel: no clip has a label.
    """
    examples = [e for frames, labels in clips for e in labelled_frames(frames, labels, size(frames), carry)]
    network = new_network(seed)
    train(network, examples, steps, seed, on_progress=on_progress)
    DiskCache(path.parent, 2**62).put(path.name, to_bytes(network))
    return network
