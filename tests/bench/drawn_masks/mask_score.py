"""How much a mask looks like one that a person drew: a number beside the confidence.

A discriminator learns from the masks that people drew, against the same masks made wrong
(:mod:`tests.bench.drawn_masks.distortion`). It never sees what it is asked about afterwards: masks that machines
delivered in other frames.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_core.adversary.discriminator import Discriminator, telling_loss
from al_core.adversary.object_windows import boxes_of, cut, jittered, whole, windows_around
from al_core.masks.rle import Rle, box, decode
from al_core.records import FrameRef, MaskLabel
from tests.bench.drawn_masks.distortion import distorted

Image = NDArray[np.uint8]
ReadImage = Callable[[FrameRef], Image]
"""Gives a frame, RGB uint8 [h, w, 3]."""

STEPS = 300
BATCH = 16
"""Masks of people in a step; as many that were made wrong stand beside them."""

RATE = 5e-4

REACH = 3.0
"""Side of what is kept of a frame around a mask, by the longer side of its box: a window around the same mask made
wrong stays inside, so that an edge tells nothing."""

KEPT_SIDE = 160
"""Pixels of a kept part's side."""

SMOOTH = (0.5, 2.0)
"""Pixels (deviation) by which outlines are smoothed in training, those of people and others alike: how a mask was
rasterized tells nothing."""

TOLD_SMOOTH = 1.0

MEAN, DEVIATION = 114.0, 58.0
"""Of pixels, as the students have them."""


@dataclass(frozen=True)
class DrawnMasks:
    """What people drew in a frame: masks at any resolution."""

    frame: FrameRef
    masks: tuple[MaskLabel, ...]


@dataclass(frozen=True, eq=False)
class _Part:
    """A mask and the picture around it.

    Attributes:
        picture: RGB uint8 [s, s, 3], 0 beyond the frame; there: bool [s, s], where the frame is.
        mask: bool [s, s].
        category: its index, from 0.
    """

    picture: Image
    there: NDArray[np.bool_]
    mask: NDArray[np.bool_]
    category: int


class MaskScorer:
    """Says of masks how much they look like ones that a person drew.

    Args:
        categories: the ids that a mask may have, in any order.
    """

    def __init__(self, network: Discriminator, categories: Sequence[int]) -> None:
        self.network = network.eval()
        self.categories = tuple(sorted(categories))

    @torch.no_grad()
    def scores(self, image: Image, masks: Sequence[tuple[int, Rle]]) -> list[float]:
        """Return the score of each mask of a frame in (0, 1); 0 for one that is empty or of an unknown category.

        Args:
            image: RGB uint8 [h, w, 3], at any size.
            masks: (category, mask) at any resolution.
        """
        parts: dict[int, _Part] = {}
        for i, (category, rle) in enumerate(masks):
            if category in self.categories and (part := _part(image, rle, self.categories.index(category))):
                parts[i] = replace(part, mask=_smoothed(part.mask, TOLD_SMOOTH))
        found = [0.0] * len(masks)
        if parts:
            logits, _ = self.network(*_looked_at(list(parts.values()), None))
            for i, score in zip(parts, logits.sigmoid().tolist(), strict=True):
                found[i] = score
        return found


def train_mask_scorer(
    labels: Iterable[DrawnMasks], categories: Sequence[int], read_image: ReadImage, seed: int, steps: int = STEPS
) -> MaskScorer | None:
    """Return what has learned from the masks that people drew; None where there are none.

    Args:
        categories: the ids that a mask may have, in any order; masks of others are passed over.
        seed: the result follows from it, the labels and the frames.
    """
    known = tuple(sorted(categories))
    parts = list(_parts(labels, known, read_image))
    if not parts:
        return None
    words = np.random.SeedSequence([seed, 7]).generate_state(3)
    network = Discriminator(len(known), int(words[0]))
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.5, 0.999))
    rng, views = np.random.default_rng(int(words[1])), torch.Generator().manual_seed(int(words[2]))
    for _ in range(steps):
        drawn = [parts[int(i)] for i in rng.integers(len(parts), size=BATCH)]
        wrong = [replace(part, mask=distorted(part.mask, rng) & part.there) for part in drawn]
        shown = [replace(part, mask=_smoothed(part.mask, rng.uniform(*SMOOTH))) for part in (*drawn, *wrong)]
        logits, _ = network(*_looked_at(shown, views))
        loss = telling_loss(logits[:BATCH], logits[BATCH:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return MaskScorer(network, known)


def _parts(labels: Iterable[DrawnMasks], categories: Sequence[int], read_image: ReadImage) -> Iterator[_Part]:
    for label in sorted(labels, key=lambda one: one.frame):
        image = read_image(label.frame)
        for mask in label.masks:
            if mask.category_id in categories:
                part = _part(image, mask.rle, categories.index(mask.category_id))
                if part is not None:
                    yield part


def _part(image: Image, rle: Rle, category: int) -> _Part | None:
    """Return a mask with the picture around it; None for an empty one."""
    left, top, width, height = box(rle)
    if not width or not height:
        return None
    half = REACH * max(width, height) / 2
    middle = (left + width / 2, top + height / 2)
    scale = (image.shape[1] / rle.width, image.shape[0] / rle.height)
    mask = _square(decode(rle).astype(np.uint8) * 255, middle, (half, half))
    there = (middle[0] * scale[0], middle[1] * scale[1]), (half * scale[0], half * scale[1])
    frame = _square(np.full(image.shape[:2], 255, np.uint8), *there)
    return _Part(_square(image, *there), frame > 127, mask > 127, category)


def _square(image: Image, middle: tuple[float, float], half: tuple[float, float]) -> Image:
    """Return what lies around a place (x, y) as far as ``half`` (x, y), at the kept size; 0 beyond the edges."""
    edges = (
        [round(m - h) for m, h in zip(middle, half, strict=True)],
        [round(m + h) for m, h in zip(middle, half, strict=True)],
    )
    (left, top), (right, bottom) = edges
    h, w = image.shape[:2]
    inside = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    beyond = (max(-top, 0), max(bottom - h, 0), max(-left, 0), max(right - w, 0))
    padded = cv2.copyMakeBorder(inside, *beyond, cv2.BORDER_CONSTANT, value=0)
    kept = (KEPT_SIDE, KEPT_SIDE)
    way = cv2.INTER_AREA if padded.shape[0] > KEPT_SIDE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(padded, kept, interpolation=way), np.uint8)


def _smoothed(mask: NDArray[np.bool_], deviation: float) -> NDArray[np.bool_]:
    """Return a mask with a smoother outline; one that this would leave empty stays as it is."""
    found = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), deviation) > 0.5
    return found if found.any() else mask


def _looked_at(parts: Sequence[_Part], views: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return pictures, masks and categories as the network sees them, in windows around the masks; for training, at
    random places, mirrored and in other light."""
    pictures = torch.from_numpy(np.stack([part.picture for part in parts])).permute(0, 3, 1, 2).float()
    masks = torch.from_numpy(np.stack([part.mask for part in parts]))
    windows = windows_around(boxes_of(masks))
    maps = torch.cat([(pictures - MEAN) / DEVIATION, masks[:, None].float()], dim=1)
    if views is not None:
        windows = jittered(windows, views)
        light = 1 + 0.3 * (2 * torch.rand(len(parts), 1, 1, 1, generator=views) - 1)
        maps = torch.cat([maps[:, :3] * light, maps[:, 3:]], dim=1)
    seen = cut(maps, whole(len(parts), KEPT_SIDE, KEPT_SIDE, maps), windows)
    if views is not None:
        turned = torch.rand(len(parts), generator=views) < 0.5
        seen[turned] = seen[turned].flip(-1)
    return seen[:, :3], seen[:, 3], torch.tensor([part.category for part in parts])
