"""Two frames that nobody labelled made into one to learn from, with what is believed of both.

ClassMix (Olsson et al. 2021) cuts half of the objects out of one frame and pastes them onto the other. What is believed
of the pixels moves with them, so that a mixed frame is as right as the two were.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.records import FrameRef
from al_core.settings import Table
from al_core.students.dataset import resize_mask

LEAST_VISIBLE = 0.1
"""Share of an object that has to be left of it for it to count as one; of less, nothing is said."""


class Shown(NamedTuple):
    """A frame and what is believed of it: image uint8 RGB [h, w, 3], masks uint8 [n, h, w] in {0, 1}, the class index
    of each, -1 for a region of which nothing is said."""

    frame: FrameRef
    image: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    classes: list[int]


Stays = Callable[[Shown, Shown, np.random.Generator], NDArray[np.bool_]]
"""Tells which pixels [h, w] of the first frame stay; the others come from the second, which has the same size."""


def outside_of_objects(own: Shown, other: Shown, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return where a frame stays when half of the objects of the other, rounded up and drawn at random, are pasted."""
    objects = np.flatnonzero(np.array(other.classes) >= 0)
    chosen = rng.choice(objects, size=(len(objects) + 1) // 2, replace=False)
    return ~other.masks[chosen].any(axis=0)


MIXES: Table[Stays] = Table("student.mix", {"class": outside_of_objects})
"""Ways to mix, by the name that settings use."""


def mixed(own: Shown, other: Shown, stays: Stays, rng: np.random.Generator) -> Shown:
    """Return a frame with what a way of mixing takes from another one, enlarged or cut to its size.

    Of an object of which less than :data:`LEAST_VISIBLE` is left nothing is said.
    """
    other = fitted(other, own.image.shape[:2])
    stay = stays(own, other, rng)
    image = np.where(stay[:, :, None], own.image, other.image)
    before = np.concatenate([own.masks, other.masks])
    masks = np.concatenate([own.masks & stay, other.masks & ~stay])
    left = masks.sum(axis=(1, 2), dtype=np.int64)
    lost = left < LEAST_VISIBLE * before.sum(axis=(1, 2), dtype=np.int64)
    classes = [-1 if gone else c for c, gone in zip([*own.classes, *other.classes], lost, strict=True)]
    there = np.flatnonzero(left)
    return Shown(own.frame, image, masks[there], [classes[i] for i in there])


def fitted(shown: Shown, size: tuple[int, ...]) -> Shown:
    """Return a frame of another size (height, width): scaled until it covers that, and its middle cut out."""
    height, width = size
    if shown.image.shape[:2] == (height, width):
        return shown
    image = covering(shown.image, size)
    masks = [covering(mask, size) for mask in shown.masks]
    return Shown(shown.frame, image, np.array(masks, np.uint8).reshape(-1, height, width), shown.classes)


def covering(values: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return an image [h, w, 3] or a mask [h, w] in {0, 1}, scaled until it covers a size, and its middle cut out."""
    scale = max(size[0] / values.shape[0], size[1] / values.shape[1])
    height, width = (max(round(n * scale), least) for n, least in zip(values.shape[:2], size, strict=True))
    if values.ndim == 2:
        large = resize_mask(values.astype(bool), height, width).astype(np.uint8)
    else:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        large = cv2.resize(values, (width, height), interpolation=how).astype(np.uint8)
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return large[top : top + size[0], left : left + size[1]]
