"""Training on all boxes for what categories look like, and on those with a mask for how far an object reaches.

Outlines are learnt in any colours, so that those of the categories with masks are not what an object is known by.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from al_core.errors import BadLabel
from al_core.masks.soft import Window
from al_core.networks.network_state import Checkpoint, seeded
from al_core.networks.shapes.box_crops import BoxCrop, BoxedObject
from al_core.networks.shapes.shape_network import ShapeNetwork, ShapeOutput
from al_core.networks.training_loop import TrainingLoop, half_cosine
from al_core.networks.unet import segmentation_loss
from al_core.records import Progress

STEPS = 300
"""About a minute of one processor."""

BATCH = 12
LEARNING_RATE = 3e-3

SLIP = 0.06
"""How far each side of a box is moved at most, as a share of the box: hands slip."""

LIGHT, TINT, SHIFT = 0.25, 0.12, 0.12
"""Relative changes of brightness and of each colour, and of the level, about the middle of the range."""

WHOLE, UNSEEN = 0.25, 0.4
PATCHES, KEPT = 6, (0.25, 0.75)
"""Shares of examples whose saliency is kept whole, and of which the head sees none; the others keep patches, by the
threshold of a rough random field."""

OUTSIDE = 0.5
"""What telling the surroundings of a box from its category counts for, beside 1 of telling the categories apart."""


@dataclass(frozen=True, eq=False)
class _Example:
    """What the network sees of an object, and what is known: arrays [side, side]; a mask that is not known is 0."""

    crop: NDArray[np.float32]
    outline: NDArray[np.float32]
    inside: NDArray[np.float32]
    outside: NDArray[np.float32]
    mask: NDArray[np.float32]
    kept: NDArray[np.float32]
    masked: bool
    kind: int


def new_shape_network(n_kinds: int, seed: int, propagates: bool = True) -> ShapeNetwork:
    """Make a network for some categories with random weights that follow from the seed."""
    return seeded(partial(ShapeNetwork, n_kinds, propagates), seed)


def train_shapes(
    network: ShapeNetwork,
    objects: Sequence[BoxedObject],
    seed: int,
    keep: Checkpoint | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    steps: int = STEPS,
) -> None:
    """Train a network in place; a training that was killed goes on to the same bits.

    Args:
        objects: at least one of them with a mask.
        keep: where the training stands is kept there now and then.

    Raises:
        BadLabel: no object has a mask. TrainingDiverged: the loss is no longer a number.
    """
    masked = [one for one in objects if one.mask is not None]
    if not masked:
        raise BadLabel(
            f"how boxes become masks is learnt from masks that were drawn, of any category: expected one at least, got "
            f"none beside {len(objects):,} boxes; draw some"
        )
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=1e-4)
    loop = TrainingLoop("shapes", optimizer, steps, seed, half_cosine, keep=keep, on_progress=on_progress)
    loop.train(network, lambda rng: _loss(network, _batch(objects, masked, rng)))


def _loss(network: ShapeNetwork, batch: Sequence[_Example]) -> Tensor:
    crops, outlines, inside, outside, truth, kept = (
        torch.from_numpy(np.stack([getattr(one, name) for one in batch]))
        for name in ("crop", "outline", "inside", "outside", "mask", "kept")
    )
    kinds = torch.tensor([one.kind for one in batch])
    known = torch.tensor([one.masked for one in batch])
    seen = network(crops, inside[:, None], outside[:, None], kinds, outlines, kept[:, None])
    loss = functional.cross_entropy(seen.classes, kinds)
    there = outside.mean(dim=(1, 2)) > 0.05
    if there.any():
        nothing = torch.full((int(there.sum()),), seen.classes.shape[1] - 1)
        loss = loss + OUTSIDE * functional.cross_entropy(seen.surroundings[there], nothing)
    if known.any():
        loss = loss + _mask_loss(network, seen, truth, known)
    return loss


def _mask_loss(network: ShapeNetwork, seen: ShapeOutput, truth: Tensor, known: Tensor) -> Tensor:
    loss = segmentation_loss(seen.mask[known], truth[known])
    if network.propagates:
        small = functional.avg_pool2d(truth[known][:, None], 4)[:, 0]
        loss = loss + segmentation_loss(seen.shape[known][:, 0], small)
    return loss


def _batch(objects: Sequence[BoxedObject], masked: Sequence[BoxedObject], rng: np.random.Generator) -> list[_Example]:
    """Draw objects, half of them with a mask."""
    drawn = [masked[int(rng.integers(len(masked)))] for _ in range(BATCH // 2)]
    drawn += [objects[int(rng.integers(len(objects)))] for _ in range(BATCH - len(drawn))]
    return [_example(one, rng) for one in drawn]


def _example(one: BoxedObject, rng: np.random.Generator) -> _Example:
    """Return an object in other light, turned by right angles and mirrored, its box a little off."""
    crop = BoxCrop.around(_slipped(one.box, rng))
    inside = crop.drawn(crop.box)
    known = np.maximum.reduce([inside, *(crop.drawn(other) for other in one.others)])
    outside = np.asarray(1 - known, np.float32)
    mask = crop.values(one.mask) if one.mask is not None else np.zeros_like(inside)
    turns, mirrored = int(rng.integers(4)), bool(rng.random() < 0.5)
    lit = _lit(network_picture(crop.image(one.image)), rng)
    seen: Sequence[NDArray[np.float32]] = (lit, _recoloured(lit, rng), inside, outside, mask)
    picture, outline, inside, outside, mask = (_turned(values, turns, mirrored) for values in seen)
    return _Example(picture, outline, inside, outside, mask, _kept(crop.side // 4, rng), one.mask is not None, one.kind)


def network_picture(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a crop, uint8 [side, side, 3], as the network sees it, float32 [3, side, side] in [-1, 1]."""
    return np.ascontiguousarray(crop.transpose(2, 0, 1), np.float32) / np.float32(127.5) - np.float32(1)


def _slipped(box: Window, rng: np.random.Generator) -> Window:
    width, height = box.x1 - box.x0, box.y1 - box.y0
    left, right = (round(SLIP * width * rng.uniform(-1, 1)) for _ in range(2))
    top, bottom = (round(SLIP * height * rng.uniform(-1, 1)) for _ in range(2))
    moved = Window(box.x0 + left, box.y0 + top, box.x1 + right, box.y1 + bottom)
    return box if moved.empty else moved


def _lit(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    gain = (1 + rng.uniform(-LIGHT, LIGHT)) * (1 + rng.uniform(-TINT, TINT, (3, 1, 1)))
    return np.asarray(np.clip(picture * gain + rng.uniform(-SHIFT, SHIFT), -1, 1), np.float32)


def _kept(side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return where saliency is kept, float32 [side, side] of 0 and 1: everywhere, nowhere, or in patches.

    A category with masks is salient all over; of one that only has boxes, it may be a part alone.
    """
    drawn = rng.random()
    if drawn < WHOLE + UNSEEN:
        return np.full((side, side), drawn < WHOLE, np.float32)
    rough = rng.random((PATCHES, PATCHES)).astype(np.float32)
    smooth = cv2.resize(rough, (side, side), interpolation=cv2.INTER_CUBIC)
    return (smooth < rng.uniform(*KEPT)).astype(np.float32)


def _recoloured(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a picture in colours that no category has: they tell nothing of where an object ends."""
    mixed = _mixing(rng) @ picture.reshape(3, -1)
    return np.asarray(np.clip(mixed.reshape(picture.shape), -1, 1), np.float32)


def _mixing(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a rotation of the three colours, mirrored half of the time, [3, 3]."""
    turned, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return np.asarray(turned * np.sign(rng.normal()), np.float64)


def _turned(values: NDArray[Any], turns: int, mirrored: bool) -> NDArray[Any]:
    turned = np.rot90(values, turns, axes=(-2, -1))
    return np.ascontiguousarray(turned[..., ::-1] if mirrored else turned)
