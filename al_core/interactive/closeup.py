"""A small picture of an object's surroundings: what a refinement costs does not grow with the frame."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadLabel
from al_core.footage.images import working_size
from al_core.masks.soft import Size, Window

_FEWEST_PIXELS = 12
"""Least reach of the surroundings, for small objects."""


@dataclass(frozen=True, slots=True)
class Closeup:
    """A part of a frame, made smaller where it is big: ``size`` is the small picture's (height, width)."""

    window: Window
    size: Size

    @classmethod
    def around(cls, content: Window, frame: Size, margin: float, long_side: int) -> "Closeup":
        """Choose the surroundings of a part of a frame of (height, width) ``frame``.

        Args:
            margin: how far they reach beyond the content, as a share of its longer side.
            long_side: longest side of the small picture in pixels.
        """
        reach = int(margin * max(content.x1 - content.x0, content.y1 - content.y0)) + _FEWEST_PIXELS
        wider = Window(content.x0 - reach, content.y0 - reach, content.x1 + reach, content.y1 + reach).clipped(frame)
        return cls(wider, working_size(wider.y1 - wider.y0, wider.x1 - wider.x0, long_side))

    def image(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the frame's part as a small picture, uint8 [h, w, 3]."""
        small = cv2.resize(image[self.window.slices], self.size[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)

    def values(self, values: NDArray[np.float32] | NDArray[np.bool_]) -> NDArray[np.float32]:
        """Average values [H, W] of the frame over the pixels of the small picture, float32 [h, w]."""
        part = values[self.window.slices].astype(np.float32)
        return np.asarray(cv2.resize(part, self.size[::-1], interpolation=cv2.INTER_AREA), np.float32)

    def point(self, x: float, y: float) -> tuple[int, int]:
        """Return the pixel of the small picture (x, y) in which a pixel of the frame lies."""
        (h, w), (x0, y0, x1, y1) = self.size, self.window
        column, row = (x + 0.5 - x0) / ((x1 - x0) / w), (y + 0.5 - y0) / ((y1 - y0) / h)
        return min(max(int(column), 0), w - 1), min(max(int(row), 0), h - 1)

    def enlarged(self, values: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Tell where values [h, w] of the small picture are above 0.5, at the window's own size."""
        width, height = self.window.x1 - self.window.x0, self.window.y1 - self.window.y0
        large = cv2.resize(values.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(large > 0.5, bool)


def window_of(mask: NDArray[np.bool_]) -> Window:
    """Return the smallest window around a mask, bool [h, w]; empty where the mask is."""
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    return Window(x, y, x + w, y + h)


def depth(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the pixels from each pixel of a mask, bool [h, w], to the nearest pixel outside it, float32 [h, w]: 0
    outside, and infinite in a mask without an outside. The frame's edge is no outline.

    The same mask gives the same distances to the bit, so that of equal ones the same is the first everywhere.
    """
    if mask.all():
        return np.full(mask.shape, np.inf, np.float32)
    found = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # OpenCV's roots differ in the last bit with where the memory lies; squared distances are whole numbers.
    return np.asarray(np.sqrt(np.rint(np.square(found))), np.float32)


def check(image: NDArray[np.uint8], values: NDArray[np.float32] | NDArray[np.bool_]) -> Size:
    """Check that a frame and what is said of its pixels have one size, and return it, (height, width).

    Raises:
        BadLabel: the two are of different sizes.
    """
    if image.ndim != 3 or image.shape[:2] != values.shape:
        raise BadLabel(
            f"a frame [h, w, 3] and its probability [h, w] have one size, got {list(image.shape)} and "
            f"{list(values.shape)}"
        )
    return int(image.shape[0]), int(image.shape[1])
