"""What windows of a picture look like: gradients by direction in cells, and colours.

Histograms of gradients as Dalal and Triggs made them ("Histograms of oriented gradients for human detection", CVPR
2005), nine directions without sign, beside how strong they are, and two axes of colour. A window is read where its box
covers the cells of a template, in a picture made larger or smaller till it does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.discovery.exemplars.box_overlap import Boxes

Picture = NDArray[np.uint8]
Map = NDArray[np.float32]
"""[rows, columns, CHANNELS] of cells."""

CELL = 4
"""Pixels along a side of a cell."""

DIRECTIONS = 9
CHANNELS = DIRECTIONS + 3

CELLS = 36
"""Of a template, about, whatever its shape."""

OCTAVE = 4
"""Sizes in which a picture is looked at from one to its double."""

COLOUR = 0.01
"""What a step of a colour axis counts beside gradients."""

_MOST, _FAINT = 0.35, 8.0


@dataclass(frozen=True)
class Shape:
    """How many cells a template has.

    Attributes:
        rows, columns: at least 3 each.
    """

    rows: int
    columns: int

    @classmethod
    def of(cls, boxes: Boxes) -> "Shape":
        """Return the shape for boxes that are about equally broad for their height."""
        broad = float(np.exp(np.mean(np.log((boxes[:, 2] - boxes[:, 0]) / (boxes[:, 3] - boxes[:, 1])))))
        rows = int(np.clip(round(np.sqrt(CELLS / broad)), 3, CELLS // 3))
        return cls(rows, int(np.clip(round(CELLS / rows), 3, CELLS // 3)))

    @property
    def length(self) -> int:
        """Numbers that describe a window."""
        return self.rows * self.columns * CHANNELS


def features(picture: Picture) -> Map:
    """Return what each cell of a picture looks like, float32 [h // CELL, w // CELL, CHANNELS].

    Args:
        picture: RGB uint8 [h, w, 3], at least one cell.
    """
    rows, columns = picture.shape[0] // CELL, picture.shape[1] // CELL
    whole = np.ascontiguousarray(picture[: rows * CELL, : columns * CELL])
    grey = np.asarray(cv2.cvtColor(whole, cv2.COLOR_RGB2GRAY), np.float32)
    x, y = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=1)
    strength, angle = cv2.cartToPolar(x, y)
    place = np.mod(angle * np.float32(DIRECTIONS / np.pi), DIRECTIONS)
    low = np.minimum(place.astype(np.int32), DIRECTIONS - 1)
    part = place - low
    # Each pixel votes for the two directions beside its own.
    cell = (np.arange(rows * CELL) // CELL)[:, None] * columns + (np.arange(columns * CELL) // CELL)[None, :]
    count = rows * columns * DIRECTIONS
    votes = np.bincount((cell * DIRECTIONS + low).reshape(-1), (strength * (1 - part)).reshape(-1), count)
    votes += np.bincount((cell * DIRECTIONS + (low + 1) % DIRECTIONS).reshape(-1), (strength * part).reshape(-1), count)
    histogram = votes.reshape(rows, columns, DIRECTIONS).astype(np.float32) / np.float32(CELL * CELL)
    energy = np.sqrt((histogram**2).sum(axis=2))
    around = cv2.blur(energy, (3, 3)) + np.float32(_FAINT)
    lab = cv2.cvtColor(whole, cv2.COLOR_RGB2LAB)[..., 1:].astype(np.float32)
    colour = cv2.resize(lab, (columns, rows), interpolation=cv2.INTER_AREA).reshape(rows, columns, 2)
    found = np.empty((rows, columns, CHANNELS), np.float32)
    found[..., :DIRECTIONS] = np.minimum(histogram / around[..., None], _MOST)
    found[..., DIRECTIONS] = np.minimum(around / 100, 1.0) * _MOST
    found[..., DIRECTIONS + 1 :] = (colour - 128) * np.float32(COLOUR)
    return found


def windows(picture: Picture, boxes: Boxes, shape: Shape) -> NDArray[np.float32]:
    """Return what lies in each box, float32 [n, shape.length]; what lies outside the frame looks like its border."""
    found = np.empty((len(boxes), shape.length), np.float32)
    margin = CELL
    height, width = shape.rows * CELL, shape.columns * CELL
    for k, (x0, y0, x1, y1) in enumerate(boxes):
        across, down = (x1 - x0) / width, (y1 - y0) / height
        # A cell more on each side, so that a cell at the border sees its neighbour's gradients.
        move = np.array(
            [
                [across, 0, x0 - margin * across + (across - 1) / 2],
                [0, down, y0 - margin * down + (down - 1) / 2],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        source = picture if max(across, down) < 1.5 else cv2.blur(picture, (max(round(across), 1), max(round(down), 1)))
        wide = (width + 2 * margin, height + 2 * margin)
        cut = cv2.warpAffine(source, move, wide, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        found[k] = features(np.asarray(cut, np.uint8))[1:-1, 1:-1].reshape(-1)
    return found


def pyramid(picture: Picture, scales: Sequence[float]) -> Iterator[tuple[float, float, Map]]:
    """Yield the features of a picture at several sizes, with the factors by which it was made broader and higher."""
    height, width = picture.shape[:2]
    for scale in scales:
        size = (max(round(width * scale), CELL), max(round(height * scale), CELL))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        yield size[0] / width, size[1] / height, features(np.asarray(cv2.resize(picture, size, interpolation=how)))


def scales_for(boxes: Boxes, beyond: float) -> tuple[float, ...]:
    """Return by how much a picture is made larger or smaller so that boxes like these fill a template.

    Args:
        beyond: an object may be so many times larger or smaller than the boxes are.
    """
    sides = np.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
    side = np.sqrt(CELLS) * CELL
    low, high = np.log2(side / (sides.max() * beyond)), np.log2(side / (sides.min() / beyond))
    count = max(int(np.ceil((high - low) * OCTAVE)), 1)
    return tuple(float(2**step) for step in np.linspace(low, high, count + 1))
