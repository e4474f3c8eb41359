"""The views through which teachers see a frame, each with the inverse that brings boxes and masks back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.settings import Table


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at a frame: its sides scaled, mirrored left to right, its brightness times ``gain`` (clipped)."""

    scale: float = 1.0
    flip: bool = False
    gain: float = 1.0

    def seen_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the (height, width) at which a frame of this (height, width) is seen, at least 1 pixel."""
        return max(1, round(size[0] * self.scale)), max(1, round(size[1] * self.scale))

    def apply(self, image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
        """Return the view, uint8 [*seen_size(size), 3], of an image of any size that is to be seen at (height, width)
        ``size`` before the view's own scale."""
        height, width = self.seen_size(size)
        view: NDArray[Any] = image
        if image.shape[:2] != (height, width):
            # As in training: shrunk pixels are means of those that they cover.
            shrinks = height * width < image.shape[0] * image.shape[1]
            interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            view = cv2.resize(view, (width, height), interpolation=interpolation)
        if self.flip:
            view = cv2.flip(view, 1)
        if self.gain != 1.0:
            view = cv2.convertScaleAbs(view, alpha=self.gain)
        return np.ascontiguousarray(view, np.uint8)

    def invert_boxes(
        self, boxes: NDArray[np.floating[Any]], seen: tuple[int, int], size: tuple[int, int]
    ) -> NDArray[np.float64]:
        """Bring boxes (x0, y0, x1, y1), [n, 4], from pixels of the view to pixels of the frame, float64 [n, 4].

        Args:
            seen: (height, width) of the view.
            size: (height, width) of the frame.
        """
        back: NDArray[np.float64] = np.asarray(boxes, np.float64).reshape(-1, 4)
        if self.flip:
            back = back[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [seen[1], 0, seen[1], 0]
        return back * np.tile([size[1] / seen[1], size[0] / seen[0]], 2)

    def invert_masks(self, masks: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
        """Bring masks, [n, h, w], onto a grid over the frame, [n, *size] of the same dtype (a view where sizes agree):
        each grid point takes the mask's pixel under it. The grid is the frame's own, or a coarser one."""
        if masks.shape[1:] == size:
            return masks[:, :, ::-1] if self.flip else masks
        rows = _nearest(masks.shape[1], size[0])
        columns = _nearest(masks.shape[2], size[1])
        if self.flip:
            columns = masks.shape[2] - 1 - columns
        return masks.take(rows, axis=1).take(columns, axis=2)


VIEWS = Table[View](
    "view",
    {
        "identity": View(),
        "flip": View(flip=True),
        "scale_small": View(scale=0.75),
        "scale_large": View(scale=1.25),
        "bright": View(gain=1.25),
        "dark": View(gain=0.8),
    },
)
"""The views that settings may name."""


def views_named(names: Sequence[str]) -> tuple[View, ...]:
    """Return the views of these names, in their order.

    Raises:
        UnknownName: a name that is no view.
    """
    return tuple(VIEWS[name] for name in names)


def _nearest(n_from: int, n_to: int) -> NDArray[np.intp]:
    """Return the index of the pixel of ``n_from`` that lies under the centre of each of ``n_to`` grid points."""
    return ((np.arange(n_to) + 0.5) * (n_from / n_to)).astype(np.intp)
