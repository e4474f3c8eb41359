"""What a network sees of a box: the box and some of its surroundings, stretched to a square of one size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.masks.soft import Size, Window

Mask = NDArray[np.bool_]
Picture = NDArray[np.uint8]

SIDE = 64
"""Of the square, in pixels, a multiple of 16."""

MARGIN = 0.25
"""How far a crop reaches beyond the box on each side, as a share of that side of the box."""


@dataclass(frozen=True, eq=False)
class BoxedObject:
    """An object that a box is known of, and perhaps a mask.

    Attributes:
        image: the frame, RGB uint8 [H, W, 3].
        box: the object lies within, and touches all four sides; at least one pixel of it lies in the frame.
        kind: number of its category among those of the training, from 0.
        mask: bool [H, W]; None where only the box is known.
        others: boxes of the frame's other objects.
    """

    image: Picture
    box: Window
    kind: int
    mask: Mask | None = None
    others: Sequence[Window] = ()


@dataclass(frozen=True, slots=True)
class BoxCrop:
    """A box and its surroundings in a frame, which fill a square of ``side`` pixels; beyond the frame its edge goes on.

    Attributes:
        window: in the frame; it may reach beyond.
        box: lies within the window.
    """

    window: Window
    box: Window
    side: int = SIDE

    @classmethod
    def around(cls, box: Window, side: int = SIDE, margin: float = MARGIN) -> "BoxCrop":
        """Return the crop around a box that is not empty, in pixels of a frame."""
        x, y = (max(2, round(margin * length)) for length in (box.x1 - box.x0, box.y1 - box.y0))
        return cls(Window(box.x0 - x, box.y0 - y, box.x1 + x, box.y1 + y), box, side)

    def drawn(self, box: Window) -> NDArray[np.float32]:
        """Return which pixels of the square lie in a box of the frame, float32 [side, side] of 0 and 1."""
        (x0, y0, x1, y1), found = self.window, np.zeros((self.side, self.side), np.float32)
        across, down = self.side / (x1 - x0), self.side / (y1 - y0)
        left, right = (round(min(max((x - x0) * across, 0), self.side)) for x in (box.x0, box.x1))
        top, bottom = (round(min(max((y - y0) * down, 0), self.side)) for y in (box.y0, box.y1))
        found[top:bottom, left:right] = 1
        return found

    def image(self, image: Picture) -> Picture:
        """Return the part of a frame, uint8 [side, side, 3]."""
        return np.asarray(self._squared(image), np.uint8)

    def values(self, mask: Mask) -> NDArray[np.float32]:
        """Return what share of each pixel a mask, bool [H, W], covers, float32 [side, side]."""
        return np.asarray(self._squared(mask.astype(np.float32)), np.float32)

    def on_frame(self, values: NDArray[np.float32], frame: Size) -> NDArray[np.float32]:
        """Return values [side, side] of the square on a frame of (height, width) ``frame``, float32 [H, W]; 0 outside
        the box."""
        found = np.zeros(frame, np.float32)
        x0, y0, x1, y1 = self.window
        large = cv2.resize(values, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
        shown = self.box.clipped(frame)
        found[shown.slices] = large[shown.y0 - y0 : shown.y1 - y0, shown.x0 - x0 : shown.x1 - x0]
        return found

    def _squared(self, values: NDArray[Any]) -> Any:
        x0, y0, x1, y1 = self.window
        shown = self.window.clipped((values.shape[0], values.shape[1]))
        beyond = shown.y0 - y0, y1 - shown.y1, shown.x0 - x0, x1 - shown.x1
        whole = cv2.copyMakeBorder(values[shown.slices], *beyond, borderType=cv2.BORDER_REPLICATE)
        smaller = self.side < max(whole.shape[:2])
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        return cv2.resize(whole, (self.side, self.side), interpolation=how)


def window_around(mask: Mask) -> Window:
    """Return the smallest window around a mask, bool [H, W]; empty where the mask is."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return Window(x, y, x + width, y + height)
