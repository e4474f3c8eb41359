"""Pictures of round objects that hardly differ from their ground, with a stroke through some of them.

Objects have spots of the ground's colour and the ground has streaks of theirs, so that colour alone misleads; that
objects are round and whole can be known from masks of other pictures.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.interactive.gestures import strokes
from al_core.interactive.scribbles import Stroke
from tests.toys.footage.movers import Mask, texture

GROUND = (96, 104, 100)
SIZE = (48, 64)


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture, RGB uint8 [h, w, 3], and its objects, bool [h, w] each."""

    image: NDArray[np.uint8]
    objects: list[Mask]

    @property
    def mask(self) -> Mask:
        """All objects together, bool [h, w]."""
        return np.any(self.objects, axis=0)

    def scribbles(self) -> tuple[list[Stroke], list[Stroke]]:
        """Return a stroke through each object, and one through the ground in each third of the picture."""
        nothing = np.zeros_like(self.mask)
        inside = [stroke for one in self.objects for stroke in strokes(nothing, one)[:1]]
        outside = []
        for third in np.array_split(np.arange(self.mask.shape[1]), 3):
            ground = nothing.copy()
            ground[:, third] = ~self.mask[:, third]
            outside += [Stroke(stroke.points, False) for stroke in strokes(nothing, ground)[:1]]
        return inside, outside


def scene(seed: int, contrast: float = 40.0, size: tuple[int, int] = SIZE) -> Scene:
    """Draw two to four ellipses that do not touch, on a ground with streaks.

    Args:
        contrast: how far the mean colour of objects is from the ground's.
    """
    rng = np.random.default_rng(seed)
    colour = np.array(GROUND) + contrast * np.array([1.0, -0.3, -0.7])
    image = texture(rng, size, GROUND).astype(np.float32)
    skin = texture(rng, size, tuple(colour)).astype(np.float32)
    # Streaks of the objects' colour.
    for _ in range(8):
        streak = np.zeros(size, np.uint8)
        (x0, x1), (y0, y1) = rng.integers(0, size[1], 2).tolist(), rng.integers(0, size[0], 2).tolist()
        x1, y1 = x0 + (x1 - x0) // 3, y0 + (y1 - y0) // 3
        cv2.line(streak, (x0, y0), (x1, y1), 1, int(rng.integers(1, 4)))
        image[streak > 0] = skin[streak > 0]
    objects = _ellipses(rng, size)
    for mask in objects:
        spots = np.zeros(size, np.uint8)
        rows, columns = np.nonzero(mask)
        for at in rng.integers(0, len(rows), 3).tolist():
            cv2.circle(spots, (int(columns[at]), int(rows[at])), int(rng.integers(1, 3)), 1, -1)
        shown = mask & (spots == 0)
        image[shown] = skin[shown]
    return Scene(np.clip(image, 0, 255).astype(np.uint8), objects)


def classes(one: Scene) -> NDArray[np.int8]:
    """Return what its strokes say of pixels, int8 [h, w]: 1 object, 0 ground, -1 nothing."""
    found = np.full(one.mask.shape, -1, np.int8)
    for number, lines in zip((1, 0), one.scribbles(), strict=True):
        for stroke in lines:
            found[stroke.points[:, 1], stroke.points[:, 0]] = number
    return found


def shape(seed: int, size: tuple[int, int] = SIZE) -> Mask:
    """Draw the mask of a scene alone."""
    return np.any(_ellipses(np.random.default_rng(seed), size), axis=0)


def shuffled(mask: Mask, seed: int) -> Mask:
    """Return as many pixels of a mask as there are, anywhere."""
    return np.random.default_rng(seed).permutation(mask.reshape(-1)).reshape(mask.shape)


def _ellipses(rng: np.random.Generator, size: tuple[int, int]) -> list[Mask]:
    found: list[Mask] = []
    taken = np.zeros(size, np.uint8)
    wanted = int(rng.integers(2, 5))
    for _ in range(60):
        axes = (int(rng.integers(6, 9)), int(rng.integers(5, 8)))
        x, y = (int(rng.integers(axes[0], side - axes[0])) for side in (size[1], size[0]))
        one = np.zeros(size, np.uint8)
        cv2.ellipse(one, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
        if not (taken & one).any():
            found.append(one > 0)
            taken |= np.asarray(cv2.dilate(one, np.ones((5, 5), np.uint8)), np.uint8)
        if len(found) == wanted:
            break
    return found
