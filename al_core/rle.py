"""Masks as COCO run-length encoding: column-major, full frame, JSON-safe counts.

The coding itself is pycocotools'; this module only fixes shapes and types at the border.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from al_core.errors import BadLabel


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
        """The dictionary that COCO files hold: ``{"size": [h, w], "counts": str}``."""
        return {"size": [self.height, self.width], "counts": self.counts}


def encode(mask: NDArray[np.bool_]) -> Rle:
    """Encode a mask of shape [h, w]; any non-zero value counts as set."""
    if mask.ndim != 2:
        raise BadLabel(f"a mask has the shape [height, width], got {list(mask.shape)}")
    coded = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return Rle(int(mask.shape[0]), int(mask.shape[1]), coded["counts"].decode("ascii"))


def decode(rle: Rle) -> NDArray[np.bool_]:
    """The mask of shape [h, w], dtype bool."""
    return coco_mask.decode(_pycoco(rle)).astype(bool)


def area(rle: Rle) -> int:
    """Number of set pixels."""
    return int(coco_mask.area(_pycoco(rle)))


def box(rle: Rle) -> tuple[float, float, float, float]:
    """Tight box ``(x, y, width, height)`` in pixels; all zero for an empty mask."""
    x, y, w, h = coco_mask.toBbox(_pycoco(rle)).tolist()
    return x, y, w, h


def iou(first: Sequence[Rle], second: Sequence[Rle]) -> NDArray[np.float64]:
    """Pairwise intersection over union, shape [len(first), len(second)]; two empty masks give 0."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    crowd = [0] * len(second)
    return np.asarray(coco_mask.iou([_pycoco(r) for r in first], [_pycoco(r) for r in second], crowd))


def _pycoco(rle: Rle) -> dict[str, object]:
    return {"size": [rle.height, rle.width], "counts": rle.counts.encode("ascii")}
