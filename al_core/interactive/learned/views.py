"""What the network sees of a frame: all of it, or a part, brought to a square of one size."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.masks.soft import Size, Window

GROUND = (124, 116, 104)
"""Colour beside the frame where a view is not square: the mean of photographs, RGB."""

FEWEST_PIXELS = 12
"""Least reach of the surroundings, for small objects."""


@dataclass(frozen=True, slots=True)
class View:
    """A part of a frame in the upper left of a square picture of ``side`` pixels; small parts are enlarged."""

    window: Window
    side: int

    @classmethod
    def whole(cls, frame: Size, side: int) -> "View":
        """Return the view of all of a frame of (height, width) ``frame``."""
        return cls(Window(0, 0, frame[1], frame[0]), side)

    @classmethod
    def around(cls, content: Window, frame: Size, margin: float, side: int) -> "View":
        """Return the view of a part of a frame, and of ``margin`` times its longer side on each side of it."""
        reach = int(margin * max(content.x1 - content.x0, content.y1 - content.y0)) + FEWEST_PIXELS
        wider = Window(content.x0 - reach, content.y0 - reach, content.x1 + reach, content.y1 + reach)
        return cls(wider.clipped(frame), side)

    @property
    def size(self) -> Size:
        """Height and width of the part within the square."""
        height, width = self.window.y1 - self.window.y0, self.window.x1 - self.window.x0
        longer = max(height, width)
        return max(1, round(height * self.side / longer)), max(1, round(width * self.side / longer))

    def image(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the part of a frame, uint8 [side, side, 3]."""
        return np.asarray(self._squared(image, GROUND), np.uint8)

    def values(self, values: NDArray[np.float32] | NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return values [H, W] of the frame, float32 [side, side]; 0 beside the frame."""
        return np.asarray(self._squared(values.astype(np.float32), 0), np.float32)

    def point(self, x: float, y: float) -> tuple[int, int]:
        """Return the pixel (x, y) of the square in which a pixel of the frame lies, or which lies nearest to it."""
        (h, w), (x0, y0, x1, y1) = self.size, self.window
        column, row = (x + 0.5 - x0) / (x1 - x0) * w, (y + 0.5 - y0) / (y1 - y0) * h
        return min(max(int(column), 0), w - 1), min(max(int(row), 0), h - 1)

    def on_frame(self, values: NDArray[np.float32], frame: Size) -> NDArray[np.float32]:
        """Return values [side, side] of the square on the whole frame, float32 [H, W]; 0 outside the part."""
        h, w = self.size
        found = np.zeros(frame, np.float32)
        large = (self.window.x1 - self.window.x0, self.window.y1 - self.window.y0)
        found[self.window.slices] = cv2.resize(values[:h, :w], large, interpolation=cv2.INTER_LINEAR)
        return found

    def _squared(self, values: NDArray[Any], ground: Any) -> Any:
        h, w = self.size
        part = values[self.window.slices]
        smaller = h < part.shape[0] or w < part.shape[1]
        resized = cv2.resize(part, (w, h), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
        return cv2.copyMakeBorder(
            resized, 0, self.side - h, 0, self.side - w, borderType=cv2.BORDER_CONSTANT, value=ground
        )
