"""Which of several masks the clicks mean.

People click in the middle of what is wrong: what a mask changes, as against the mask of before the click, should have
the click in its middle. Its colours should be others than those around it, its outline should lie where the picture has
an edge, it should be one piece, and be much like what other ways to read the clicks come to. Where these keep much of
the mask of before, that mask was good, and what changes much of it is unlikely. How much each counts was fitted
to the IoU of 2,600 masks (76 objects of DAVIS's training half, of photographs of fruits, and of four clips of XMem2,
Cutie and MAMP; ridge regression within each choice, where masks that are worse than the one before count as worse by .1
more).
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.footage.images import working_size
from al_core.interactive.first_clicks import Click

LONG_SIDE = 240
"""Of the small picture on which masks are judged, in pixels."""

WEIGHTS = (0.14, -0.21, -0.36, -0.33, -0.17, 0.3, -0.17, 0.76)
"""Of the click in the middle, of outline without an edge, of shared colours, of pieces, of very small and very large
masks, of agreement, of what stays, and of what stays where all ways keep much, each in about [0, 1]."""

MOST_PIECES = 3

_SHADES = 8
_TINTS = 12

Mask = NDArray[np.bool_]


def likeliest(image: NDArray[np.uint8], masks: Sequence[Mask], before: Mask, clicks: Sequence[Click]) -> int:
    """Return the number of the mask that clicks mean; of equal ones the first.

    Args:
        image: RGB uint8 [h, w, 3].
        masks: at least one, bool [h, w].
        before: the mask that the person saw when the last click was made, bool [h, w].
        clicks: at least one.
    """
    judged = _Judged(image)
    small = [judged.smaller(mask) for mask in masks]
    seen, newest = judged.smaller(before), clicks[-1]
    at = judged.point(newest)
    overlaps = _overlaps([*small, seen])
    kept = overlaps[:-1, -1]
    scores = []
    for number, mask in enumerate(small):
        changed = mask & ~seen if newest.positive else seen & ~mask
        agreement = (overlaps[number, :-1].sum() - 1) / max(1, len(small) - 1)
        features = [_centrality(changed, at), *judged.looks(mask), _size(mask), agreement]
        scores.append(float(np.dot(WEIGHTS, [*features, kept[number], kept[number] * kept.mean()])))
    return int(np.argmax(scores))


class _Judged:
    """A frame as masks on it are judged: its colours, numbered, and its edges."""

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.frame = image.shape[:2]
        self.size = working_size(image.shape[0], image.shape[1], LONG_SIDE)
        small = cv2.resize(image, self.size[::-1], interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
        tints = np.clip(lab[..., 1:].astype(np.int32) - 64, 0, 127) // 11
        self.colours = (lab[..., 0].astype(np.int32) // 32 * _TINTS + tints[..., 0]) * _TINTS + tints[..., 1]
        smooth = cv2.GaussianBlur(lab.astype(np.float32), (0, 0), 0.8)
        across = np.abs(np.diff(smooth, axis=1, prepend=smooth[:, :1])).sum(-1)
        down = np.abs(np.diff(smooth, axis=0, prepend=smooth[:1])).sum(-1)
        edges = np.maximum(across, down)
        self.flat = edges < edges.mean()

    def smaller(self, mask: Mask) -> Mask:
        """Return a mask of the frame at the size at which it is judged."""
        small = cv2.resize(mask.astype(np.float32), self.size[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(small >= 0.5, bool)

    def point(self, click: Click) -> tuple[int, int]:
        """Return row and column of a click."""
        (h, w), (height, width) = self.size, self.frame
        return int((click.y + 0.5) * h / height), int((click.x + 0.5) * w / width)

    def looks(self, mask: Mask) -> tuple[float, float, float]:
        """Return the share of a mask's outline where the picture has no edge, how much its colours are those around it,
        and in how many pieces it is, each in [0, 1]."""
        if not mask.any():
            return 1.0, 0.0, 0.0
        marked = mask.astype(np.uint8)
        outline = mask & ~cv2.erode(marked, np.ones((3, 3), np.uint8), borderValue=1).astype(bool)
        flat = float(self.flat[outline].mean()) if outline.any() else 1.0
        reach = max(3, int(0.5 * np.sqrt(np.count_nonzero(mask) / np.pi)))
        disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        around = cv2.dilate(marked, disk).astype(bool) & ~mask
        pieces = cv2.connectedComponents(marked)[0] - 1
        return flat, _shared(self.colours[mask], self.colours[around]), min(pieces, MOST_PIECES) / MOST_PIECES


def _shared(inside: NDArray[np.int32], around: NDArray[np.int32]) -> float:
    """Return the Bhattacharyya coefficient of the histograms of two sets of numbered colours, in [0, 1]."""
    one, other = (np.bincount(c, minlength=_SHADES * _TINTS**2) / max(1, len(c)) for c in (inside, around))
    return float(np.sqrt(one * other).sum())


def _centrality(changed: Mask, at: tuple[int, int]) -> float:
    """Return how near to the middle of the region that it changes a click at (row, column) lies: its distance from the
    region's edge as a share of the greatest; 0 where nothing changes there."""
    if not changed[at]:
        return 0.0
    _, parts = cv2.connectedComponents(changed.astype(np.uint8))
    region = np.pad(parts == parts[at], 1).astype(np.uint8)
    deep = cv2.distanceTransform(region, cv2.DIST_L2, cv2.DIST_MASK_3)
    return float(deep[at[0] + 1, at[1] + 1] / deep.max())


def _size(mask: Mask) -> float:
    """Return how far the share of the frame that a mask takes is from all of it, in orders of magnitude, squared: for
    0.7 % of it 1."""
    return float(np.square(np.log(max(np.count_nonzero(mask), 1) / mask.size) / 5))


def _overlaps(masks: Sequence[Mask]) -> NDArray[np.float32]:
    """Return the IoU of each mask with each, float32 [n, n]; 1 for two that are empty."""
    flat = np.stack([mask.ravel() for mask in masks]).astype(np.float32)
    shared = flat @ flat.T
    areas = flat.sum(axis=1)
    either = areas[:, None] + areas[None] - shared
    return np.where(either > 0, shared / np.maximum(either, 1), np.float32(1))
