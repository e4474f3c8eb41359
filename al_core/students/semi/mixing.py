"""Two frames that nobody labelled made into one to learn from, with what is believed of both.

ClassMix (Olsson et al. 2021) cuts half of the objects out of one frame and pastes them onto the other. DepthMix (Hoyer
et al. 2021) takes from each frame what is nearer there, objects or not, so that what is behind stays behind. What is
believed of the pixels moves with them, and a mixed frame is as right as the two were.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.records import FrameRef
from al_core.settings import Table
from al_core.students.dataset import resize_mask

AS_NEAR = 0.03
"""What a pixel of the other frame has to be nearer to take the place of one, of nearness between 0 and 1."""

LEAST_VISIBLE = 0.1
"""Share of an object that has to be left of it for it to count as one; of less, nothing is said."""


class Shown(NamedTuple):
    """A frame and what is believed of it.

    Attributes:
        image: uint8 RGB [h, w, 3].
        masks: uint8 [n, h, w] in {0, 1}; classes: the class index of each, -1 for a region of which nothing is said.
        nearness: float32 [h, w], 0 where the frame is farthest and 1 where it is nearest; None where nobody asked.
    """

    frame: FrameRef
    image: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    classes: list[int]
    nearness: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Nearness:
    """How near what is seen is.

    Attributes:
        source: a hash of what tells it.
        read: gives it for a frame at working size, float32 [h, w] in [0, 1], 1 where the frame is nearest.
    """

    source: str
    read: Callable[[FrameRef], NDArray[np.float32]]


Stays = Callable[[Shown, Shown, np.random.Generator], NDArray[np.bool_]]


class Mix(NamedTuple):
    """A way to mix two frames.

    Attributes:
        stays: tells which pixels [h, w] of the first frame stay; the others come from the second, of the same size.
        by_objects: the second frame has to show an object.
        by_nearness: both need a nearness.
    """

    stays: Stays
    by_objects: bool = False
    by_nearness: bool = False


def outside_of_objects(own: Shown, other: Shown, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return where a frame stays when half of the objects of the other, rounded up and drawn at random, are pasted."""
    objects = np.flatnonzero(np.array(other.classes) >= 0)
    chosen = rng.choice(objects, size=(len(objects) + 1) // 2, replace=False)
    return ~other.masks[chosen].any(axis=0)


def where_nearer(own: Shown, other: Shown, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return where a frame stays when of both the nearer pixels are taken, and its own where they are as near."""
    assert own.nearness is not None
    assert other.nearness is not None
    return own.nearness >= other.nearness - AS_NEAR


MIXES: Table[Mix] = Table(
    "student.mix",
    {"class": Mix(outside_of_objects, by_objects=True), "depth": Mix(where_nearer, by_nearness=True)},
)
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
    nearness = None if shown.nearness is None else covering(shown.nearness, size)
    return Shown(shown.frame, image, np.array(masks, np.uint8).reshape(-1, height, width), shown.classes, nearness)


def covering(values: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    """Return an image [h, w, 3], a mask [h, w] in {0, 1} or a nearness [h, w] in float32, scaled until it covers a
    size, and its middle cut out."""
    scale = max(size[0] / values.shape[0], size[1] / values.shape[1])
    height, width = (max(round(n * scale), least) for n, least in zip(values.shape[:2], size, strict=True))
    if values.ndim == 2 and values.dtype == np.uint8:
        large = resize_mask(values.astype(bool), height, width).astype(np.uint8)
    else:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        large = cv2.resize(values, (width, height), interpolation=how).astype(values.dtype)
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return large[top : top + size[0], left : left + size[1]]
