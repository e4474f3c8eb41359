"""Pictures of masks that are just good enough, made from what people labelled in this project."""

from collections.abc import Iterable, Sequence
from itertools import cycle

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.ledger.store import Ledger
from al_core.masks.at_overlap import WAYS, Way, with_overlap
from al_core.masks.rle import area, decode
from al_core.records import FrameRef, MaskLabel
from al_core.stores.frames import FrameStore

N_EXAMPLES = 3
SIDE = 132
"""Pixels of an example's height and width."""

_GAP = 6
_MARGIN = 0.35
"""What is shown around an object, of its longer side."""
_COLOUR = (255, 140, 0)
_MOST_LABELS = 40

Example = tuple[FrameRef, MaskLabel]


def chosen_examples(ledger: Ledger) -> list[Example]:
    """Return some objects that people labelled, of different videos where there are some, the larger ones first."""
    found: list[list[Example]] = []
    for video_id in list(ledger.video_lengths())[:_MOST_LABELS]:
        labels = ledger.human_labels(video_id)[-_MOST_LABELS:]
        mine = [(label.frame, mask) for label in labels for mask in label.objects if area(mask.rle)]
        found.append(sorted(mine, key=lambda one: -area(one[1].rle)))
    in_turn = [one for place in range(N_EXAMPLES) for mine in found for one in mine[place : place + 1]]
    return in_turn[:N_EXAMPLES]


def example_strip(examples: Sequence[Example], frames: FrameStore, iou: float) -> NDArray[np.uint8]:
    """Return pictures side by side, RGB uint8: each with a mask of this overlap in colour, and the outline of what a
    person said in white."""
    ways: Iterable[Way] = cycle(WAYS)
    pictures = [
        _example(frames.read_full(frame), mask, iou, way) for (frame, mask), way in zip(examples, ways, strict=False)
    ]
    gap = np.zeros((SIDE, _GAP, 3), np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)][1:]
    return np.concatenate(parts, axis=1)


def _example(image: NDArray[np.uint8], mask: MaskLabel, iou: float, way: Way) -> NDArray[np.uint8]:
    """Return one object with a little around it, RGB uint8 [SIDE, SIDE, 3]."""
    right = decode(mask.rle)
    y, x = np.nonzero(right)
    side = round(max(np.ptp(y), np.ptp(x)) * (1 + 2 * _MARGIN)) + 3
    top, left = (int(c.min() + c.max() - side) // 2 for c in (y, x))
    window = np.ix_(*(np.clip(np.arange(a, a + side), 0, n - 1) for a, n in zip((top, left), right.shape, strict=True)))
    small = cv2.resize(image[window], (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    worse = _resized(with_overlap(right, iou, way)[window])
    small[worse] = 0.45 * small[worse] + 0.55 * np.array(_COLOUR, np.float32)
    picture = np.ascontiguousarray(small.round().astype(np.uint8))
    outlines, _ = cv2.findContours(_resized(right[window]).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, (0, 0, 0), 3)
    cv2.drawContours(picture, outlines, -1, (255, 255, 255), 1)
    return picture


def _resized(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return cv2.resize(mask.astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST) > 0
