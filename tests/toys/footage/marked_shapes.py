"""Pictures of shapes whose category shows only in a small part: a coloured mark at one end of a body that all share.

A third of the bodies bear no mark and belong to no category, so that a body alone tells nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.footage.clips import ClipFrames
from tests.toys.footage.movers import texture

GROUND, BODY = (100, 105, 100), (150, 140, 120)
MARKS = ((200, 60, 50), (50, 70, 200))
"""The colours of the marks of the two categories."""

PLAIN = len(MARKS)
"""A body without a mark."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MarkedPicture:
    """A picture, and where each category is: bool [h, w] by its place; those that are not there are left out."""

    image: NDArray[np.uint8]
    masks: dict[int, Mask]

    @property
    def present(self) -> NDArray[np.float32]:
        """Return what a person who tags says, float32 [2]."""
        return np.asarray([place in self.masks for place in range(PLAIN)], np.float32)


def marked_picture(rng: np.random.Generator, kinds: Sequence[int], size: tuple[int, int] = (96, 144)) -> MarkedPicture:
    """Draw a body of each kind, apart from each other where there is room."""
    image = texture(rng, size, GROUND)
    masks: dict[int, Mask] = {}
    taken = np.zeros(size, bool)
    for kind in kinds:
        for _ in range(50):
            radius = int(rng.integers(15, 22))
            centre = rng.uniform(radius, size[1] - radius), rng.uniform(radius, size[0] - radius)
            angle, flat = rng.uniform(0, 360), rng.uniform(0.55, 0.75)
            body = _ellipse(size, (centre, (2 * radius, 2 * radius * flat), angle))
            if not (taken & body).any():
                break
        else:
            continue
        taken |= body
        image[body] = texture(rng, size, BODY)[body]
        if kind == PLAIN:
            continue
        way = np.deg2rad(angle) + np.pi * rng.integers(2)
        place = centre[0] + np.cos(way) * (radius - 6), centre[1] + np.sin(way) * (radius - 6)
        mark = _ellipse(size, (place, (9, 9), 0))
        image[mark & body] = MARKS[kind]
        masks[kind] = masks.get(kind, np.zeros(size, bool)) | body
    return MarkedPicture(image, masks)


def _ellipse(size: tuple[int, int], box: tuple[tuple[float, float], tuple[float, float], float]) -> Mask:
    picture = np.zeros(size, np.uint8)
    cv2.ellipse(picture, box, 1, -1)
    return picture > 0


def any_picture(rng: np.random.Generator) -> MarkedPicture:
    """Draw a picture that shows each category, and a plain body, in half of all cases."""
    return marked_picture(rng, [kind for kind in range(PLAIN + 1) if rng.random() < 0.5])


@dataclass(frozen=True, eq=False)
class PictureClip(ClipFrames):
    """Pictures as the frames of a clip."""

    images: Sequence[NDArray[np.uint8]]
    sha256: str = "0" * 64

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a frame."""
        height, width = self.images[0].shape[:2]
        return height, width

    def read(self, frame_idx: int) -> NDArray[np.uint8]:
        """Return one frame."""
        return self.images[frame_idx]
