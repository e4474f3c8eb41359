"""Soft masks, cropped to where they are not zero: many small objects cost no more than one big one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from al_core.masks.rle import Rle

Size = tuple[int, int]


class Window(NamedTuple):
    """A part of a frame: columns ``x0`` to ``x1``, rows ``y0`` to ``y1``, the ends excluded."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the part in an array [h, w, ...]."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    @property
    def empty(self) -> bool:
        """True where no pixel lies in it."""
        return self.x1 <= self.x0 or self.y1 <= self.y0

    def clipped(self, size: Size) -> "Window":
        """Return the part that lies in a frame of (height, width) ``size``."""
        return Window(max(self.x0, 0), max(self.y0, 0), min(self.x1, size[1]), min(self.y1, size[0]))


@dataclass(frozen=True, eq=False)
class SoftMask:
    """A mask of probabilities, cropped to the part that is not zero.

    Attributes:
        x, y: column and row of the crop's first pixel.
        values: uint8 [h, w], the probability times 255; empty for a mask that is zero everywhere.
        size: (height, width) of the whole frame.

    Raises:
        ValueError: the crop does not lie within the frame.
    """

    x: int
    y: int
    values: NDArray[np.uint8]
    size: tuple[int, int]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.dtype != np.uint8:
            raise ValueError(f"a soft mask is uint8 [h, w], got {self.values.dtype} {list(self.values.shape)}")
        bottom, right = self.y + self.values.shape[0], self.x + self.values.shape[1]
        if self.x < 0 or self.y < 0 or bottom > self.size[0] or right > self.size[1]:
            raise ValueError(
                f"a soft mask lies in its frame of {self.size[0]}x{self.size[1]} pixels (height x width); "
                f"got rows {self.y} to {bottom} and columns {self.x} to {right}"
            )

    @classmethod
    def of(cls, probability: NDArray[Any]) -> "SoftMask":
        """Return a whole frame, cropped: float [H, W] in [0, 1], rounded to 1/255, or bool."""
        quantised = np.rint(np.asarray(probability, np.float32) * 255).astype(np.uint8)
        rows, columns = np.flatnonzero(quantised.any(axis=1)), np.flatnonzero(quantised.any(axis=0))
        size = (int(quantised.shape[0]), int(quantised.shape[1]))
        if not len(rows):
            return cls(0, 0, np.zeros((0, 0), np.uint8), size)
        y, x = int(rows[0]), int(columns[0])
        return cls(x, y, quantised[y : rows[-1] + 1, x : columns[-1] + 1].copy(), size)

    def full(self) -> NDArray[np.float32]:
        """Return the probability of every pixel of the frame: float32 [H, W] in [0, 1]."""
        whole = np.zeros(self.size, np.float32)
        h, w = self.values.shape
        whole[self.y : self.y + h, self.x : self.x + w] = self.values * np.float32(1 / 255)
        return whole

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SoftMask):
            return NotImplemented
        same_place = (self.x, self.y, self.size) == (other.x, other.y, other.size)
        return same_place and np.array_equal(self.values, other.values)

    __hash__ = None  # type: ignore[assignment]


class Patch(NamedTuple):
    """A soft mask while it is worked on: its first pixel, and float32 [h, w] in [0, 1]; zero outside."""

    x: int
    y: int
    values: NDArray[np.float32]

    @property
    def window(self) -> Window:
        """Its place in the frame."""
        h, w = self.values.shape
        return Window(self.x, self.y, self.x + w, self.y + h)

    def on(self, window: Window) -> NDArray[np.float32]:
        """Return the probabilities within a window, float32 [h, w]; zero where the patch does not reach."""
        found = np.zeros((window.y1 - window.y0, window.x1 - window.x0), np.float32)
        mine = self.window
        x0, x1 = max(window.x0, mine.x0), min(window.x1, mine.x1)
        y0, y1 = max(window.y0, mine.y0), min(window.y1, mine.y1)
        if x0 < x1 and y0 < y1:
            part = self.values[y0 - mine.y0 : y1 - mine.y0, x0 - mine.x0 : x1 - mine.x0]
            found[y0 - window.y0 : y1 - window.y0, x0 - window.x0 : x1 - window.x0] = part
        return found

    def trimmed(self) -> "Patch":
        """Cut off empty rows and columns at the edges; what rounds to 0/255 counts as empty."""
        x, y, w, h = cv2.boundingRect((self.values * np.float32(255) >= np.float32(0.5)).view(np.uint8))
        return Patch(self.x + x, self.y + y, self.values[y : y + h, x : x + w])

    def soft(self, size: Size) -> SoftMask:
        """Return a soft mask, rounded to 1/255, in a frame of (height, width) ``size``."""
        x, y, values = self.trimmed()
        return SoftMask(x, y, np.rint(values * 255).astype(np.uint8), size)


NOTHING = Patch(0, 0, np.zeros((0, 0), np.float32))


def patch_of(mask: SoftMask) -> Patch:
    """Return a soft mask in the form in which it is worked on."""
    return Patch(mask.x, mask.y, mask.values * np.float32(1 / 255))


def union(windows: Sequence[Window]) -> Window:
    """Return the smallest window around all that are not empty."""
    edges = list(zip(*(w for w in windows if not w.empty), strict=True))
    return Window(min(edges[0]), min(edges[1]), max(edges[2]), max(edges[3])) if edges else Window(0, 0, 0, 0)


def shrink(mask: NDArray[np.bool_], size: Size) -> Patch:
    """Return the share of each pixel of a smaller frame that a mask, bool [H, W], covers."""
    x, y, w, h = cv2.boundingRect(np.ascontiguousarray(mask, bool).view(np.uint8))
    if not w:
        return NOTHING
    values = mask[y : y + h, x : x + w].astype(np.float32)
    if mask.shape == size:
        return Patch(x, y, values)
    top, rows = _coverage(y, h, mask.shape[0] / size[0], size[0])
    left, columns = _coverage(x, w, mask.shape[1] / size[1], size[1])
    covered = np.asarray(rows @ values @ columns.T, np.float32)
    return Patch(left, top, covered).trimmed()


def _coverage(start: int, n: int, step: float, limit: int) -> tuple[int, NDArray[np.float32]]:
    """Return, along one axis, the first target pixel that meets source pixels ``start`` to ``start + n``, and the
    share of each target pixel that each of them covers, float32 [targets, n]."""
    first, last = int(start / step), min(int(np.ceil((start + n) / step)), limit)
    low = np.arange(first, last)[:, None] * step
    source = np.arange(start, start + n)[None, :]
    shared = np.minimum(low + step, source + 1) - np.maximum(low, source)
    return first, (np.clip(shared, 0, None) / step).astype(np.float32)


def resample(patch: Patch, size: Size, target: Size) -> Patch:
    """Resample a patch in a frame of (height, width) ``size`` to a frame of ``target``, bilinearly."""
    if size == target or not patch.values.size:
        return patch
    step_x, step_y = size[1] / target[1], size[0] / target[0]
    # One pixel more on each side, so that the mask fades out instead of being cut; at the frame's own edge
    # the outermost value goes on.
    around = Window(patch.x - 1, patch.y - 1, patch.window.x1 + 1, patch.window.y1 + 1).clipped(size)
    values = patch.on(around)
    left, top = int(around.x0 / step_x), int(around.y0 / step_y)
    right = min(int(np.ceil(around.x1 / step_x)), target[1])
    bottom = min(int(np.ceil(around.y1 / step_y)), target[0])
    # Centres of pixels meet: column X of the target lies at (X + 0.5) * step - 0.5.
    to_patch = np.array(
        [[step_x, 0, (left + 0.5) * step_x - 0.5 - around.x0], [0, step_y, (top + 0.5) * step_y - 0.5 - around.y0]]
    )
    resized = cv2.warpAffine(
        values,
        to_patch,
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return Patch(left, top, np.asarray(resized, np.float32))


def encode_patch(patch: Patch, size: Size) -> Rle:
    """Encode where a patch is above 0.5, as a mask of the whole frame of (height, width) ``size``.

    Only the columns of the patch are looked at, which makes small objects in big frames cheap.
    """
    x, y, values = patch
    columns = np.zeros((values.shape[1], size[0]), np.int8)
    columns[:, y : y + values.shape[0]] = values.T > 0.5
    edges = np.flatnonzero(np.diff(columns.reshape(-1), prepend=0, append=0)) + x * size[0]
    ends = np.unique(np.append(edges, size[0] * size[1]))
    # COCO's first run is one of zeros, of length 0 where the first pixel is set.
    runs = np.diff(ends, prepend=0)
    coded = coco_mask.frPyObjects({"size": list(size), "counts": runs.tolist()}, *size)
    return Rle(size[0], size[1], coded["counts"].decode("ascii"))
