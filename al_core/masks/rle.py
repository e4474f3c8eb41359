"""Masks as COCO run-length encoding: column-major, full frame, JSON-safe counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from al_core.errors import BadLabel

_LONGEST_NUMBER = 7
"""Characters of a number, five bits each: enough for any frame, and no sum of them overflows."""


@dataclass(frozen=True, slots=True)
class Rle:
    """One binary mask.

    Attributes:
        height, width: size of the full frame in pixels, both at least 1.
        counts: COCO's compressed run lengths as ASCII text.
    """

    height: int
    width: int
    counts: str

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise BadLabel(f"a mask needs a size of at least 1x1 pixels, got {self.height}x{self.width}")

    def to_coco(self) -> dict[str, object]:
        """Return the dictionary that COCO files hold: ``{"size": [h, w], "counts": str}``."""
        return {"size": [self.height, self.width], "counts": self.counts}

    def to_json(self) -> list[int | str]:
        """Return ``[height, width, counts]``, as our own files and columns keep a mask."""
        return [self.height, self.width, self.counts]

    @classmethod
    def from_json(cls, stored: Sequence[Any]) -> "Rle":
        """Read what :meth:`to_json` returned."""
        height, width, counts = stored
        return cls(height, width, counts)


def encode(mask: NDArray[np.bool_]) -> Rle:
    """Encode a mask of shape [h, w]; any non-zero value counts as set."""
    if mask.ndim != 2:
        raise ValueError(f"a mask has the shape [height, width], got {list(mask.shape)}")
    coded = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return Rle(int(mask.shape[0]), int(mask.shape[1]), coded["counts"].decode("ascii"))


def decode(rle: Rle) -> NDArray[np.bool_]:
    """Decode a mask: bool [h, w]."""
    return coco_mask.decode(_pycoco(rle)).astype(bool)


def run_lengths(rle: Rle) -> NDArray[np.int64]:
    """Return the lengths of a mask's runs in column-major order, those of 0 and of 1 in turn, int64 [n].

    Nothing of the mask's size is made, so that counts from outside can be checked before they are decoded.

    Raises:
        BadLabel: the counts are no run lengths of a frame of that size.
    """
    coded = np.frombuffer(rle.counts.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64) - 48
    last = (coded & 0x20) == 0
    if not len(coded) or coded.min() < 0 or coded.max() > 63 or not last[-1]:
        raise BadLabel("these are no run lengths in COCO's compressed form")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    if int((ends - starts).max()) >= _LONGEST_NUMBER:
        raise BadLabel("a run length is longer than any frame")
    place = np.arange(len(coded)) - np.repeat(starts, ends - starts + 1)
    values = np.add.reduceat((coded & 0x1F) << (5 * place), starts)
    negative = (coded[ends] & 0x10) != 0
    runs = np.where(negative, values - (1 << (5 * (ends - starts + 1))), values)
    # From the fourth on, each number is the difference to the run two before.
    runs[1::2], runs[2::2] = np.cumsum(runs[1::2]), np.cumsum(runs[2::2])
    if runs.min() < 0 or runs.max() > rle.height * rle.width or runs.sum() != rle.height * rle.width:
        raise BadLabel(
            f"the run lengths do not add up to the {rle.height}x{rle.width} pixels (height x width) of the frame"
        )
    return runs


def from_run_lengths(runs: NDArray[np.int64], height: int, width: int) -> Rle:
    """Return the mask of run lengths in column-major order, those of 0 and of 1 in turn.

    Args:
        runs: int64 [n], at least 0; their sum is height * width. Runs of length 0 may stand anywhere.
    """
    keep = np.flatnonzero(runs)
    values = keep % 2
    # Runs of one value that a run of length 0 parts are one.
    first = np.flatnonzero(np.diff(values, prepend=-1))
    joined = np.add.reduceat(runs[keep], first) if len(keep) else np.zeros(1, np.int64)
    counts = [0, *joined.tolist()] if len(keep) and values[0] else joined.tolist()
    coded = coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    return Rle(height, width, coded["counts"].decode("ascii"))


def area(rle: Rle) -> int:
    """Count the set pixels."""
    return int(coco_mask.area(_pycoco(rle)))


def box(rle: Rle) -> tuple[float, float, float, float]:
    """Return the tight box ``(x, y, width, height)`` in pixels; all zero for an empty mask."""
    x, y, w, h = coco_mask.toBbox(_pycoco(rle)).tolist()
    return x, y, w, h


def iou(first: Sequence[Rle], second: Sequence[Rle]) -> NDArray[np.float64]:
    """Return the pairwise intersection over union, shape [len(first), len(second)]; two empty masks give 0."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    crowd = [0] * len(second)
    return np.asarray(coco_mask.iou([_pycoco(r) for r in first], [_pycoco(r) for r in second], crowd))


def _pycoco(rle: Rle) -> dict[str, object]:
    return {"size": [rle.height, rle.width], "counts": rle.counts.encode("ascii")}
