"""What a person's hand does: where it clicks, and what it draws.

Clicks are placed as the robots of the DAVIS Interactive Challenge (Caelles et al., 2018) and of SAM 2 (Ravi et al.,
2024) place them: at the middle of the largest region that is wrong.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.interactive.clicks import Click
from al_core.interactive.closeup import depth, window_of
from al_core.interactive.outlines import Polygon
from al_core.interactive.scribbles import Stroke
from al_core.masks.soft import Window

Mask = NDArray[np.bool_]

MOST_VERTICES = 16
"""Of a coarse outline, over all pieces of the object."""

MOST_STROKES = 3
STROKE_SHARE = 0.6
"""A stroke covers this share of the region's longer side, in its middle."""

LEAST_PIECE = 0.1
"""Pieces of an object smaller than this share of its largest are not outlined."""

LARGEST_SHARE = 0.25
"""Noise moves the outline of a small object by no more than this share of its radius (of the disk of the same area)."""


def next_click(mask: Mask, truth: Mask, noise_pixels: float, rng: np.random.Generator) -> Click | None:
    """Choose the click that corrects a mask: the middle of the largest wrong region, ``noise_pixels`` off (standard
    deviation along each axis); None where nothing is wrong.

    A hand that would slip out of the region is taken back to its middle.
    """
    regions = _wrong_regions(mask, truth)
    if not regions:
        return None
    region, positive = regions[0]
    x, y = _middle(region)
    slip = np.rint(rng.normal(0, _bounded_noise(noise_pixels, region), 2)).astype(int)
    column, row = x + int(slip[0]), y + int(slip[1])
    h, w = region.shape
    if 0 <= row < h and 0 <= column < w and region[row, column]:
        x, y = column, row
    return Click(x, y, positive)


def strokes(mask: Mask, truth: Mask) -> list[Stroke]:
    """Draw a stroke along each of the largest wrong regions, the largest first."""
    return [Stroke(_ridge(region), positive) for region, positive in _wrong_regions(mask, truth)[:MOST_STROKES]]


def box_around(truth: Mask, noise_pixels: float, rng: np.random.Generator) -> Window:
    """Draw a box around an object: each side ``noise_pixels`` off (standard deviation), inside the frame."""
    x0, y0, x1, y1 = window_of(truth)
    off = np.rint(rng.normal(0, _bounded_noise(noise_pixels, truth), 4)).astype(int).tolist()
    left, right = sorted((x0 + off[0], x1 + off[2]))
    top, bottom = sorted((y0 + off[1], y1 + off[3]))
    h, w = truth.shape
    left, top = min(max(left, 0), w - 1), min(max(top, 0), h - 1)
    return Window(left, top, min(max(right, left + 1), w), min(max(bottom, top + 1), h))


def outline(truth: Mask, noise_pixels: float, rng: np.random.Generator) -> list[Polygon]:
    """Click coarse polygons along an object's outline, one for each larger piece of it; vertices are ``noise_pixels``
    off (standard deviation along each axis). Holes are not drawn."""
    contours, _ = cv2.findContours(truth.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(len(c) for c in contours)
    pieces = _simplified([np.asarray(c, np.int32) for c in contours if len(c) >= LEAST_PIECE * largest])
    noise = _bounded_noise(noise_pixels, truth)
    return [np.rint(piece + rng.normal(0, noise, piece.shape)).astype(np.int64) for piece in pieces]


def displaced(masks: Sequence[Mask], noise_pixels: float, rng: np.random.Generator) -> list[Mask]:
    """Draw whole masks: their outlines move in and out at random, smoothly along the outline.

    The signed distance to the outline gets a smooth random field of standard deviation ``noise_pixels``, bounded by
    ``LARGEST_SHARE``. Objects that did not overlap do not: a pixel that two claim goes to the one whose claim is
    stronger. No mask loses its last pixel.

    Args:
        masks: bool [h, w], all of one size.
        noise_pixels: 0 gives the masks back as they are.
    """
    if not noise_pixels or not masks:
        return list(masks)
    claims = [_claim(mask, noise_pixels, rng) for mask in masks]
    strongest = np.maximum.reduce(claims)
    shared = np.sum(masks, axis=0, dtype=np.int32) > 1
    moved = [(claim > 0) & ((claim == strongest) | (shared & mask)) for claim, mask in zip(claims, masks, strict=True)]
    back: set[int] = set()
    while gone := {i for i, new in enumerate(moved) if not new.any()} - back:
        # What would vanish stays where it was, so nobody else gets that; who has nothing left then stays too.
        back |= gone
        taken = np.any([masks[i] for i in back], axis=0)
        moved = [
            mask if i in back else new & ~(taken & ~(shared & mask))
            for i, (new, mask) in enumerate(zip(moved, masks, strict=True))
        ]
    return moved


def _claim(mask: Mask, noise_pixels: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return how strongly each pixel belongs to the displaced object, float32 [h, w]: positive inside."""
    claim = np.full(mask.shape, -np.inf, np.float32)
    if not mask.any():
        return claim
    amplitude = _bounded_noise(noise_pixels, mask)
    smoothness = max(2.0, 3 * amplitude)
    margin = int(np.ceil(4 * amplitude)) + 1
    x0, y0, x1, y1 = window_of(mask)
    near = Window(x0 - margin, y0 - margin, x1 + margin, y1 + margin).clipped((mask.shape[0], mask.shape[1])).slices
    part = mask[near]
    field = cv2.GaussianBlur(rng.standard_normal(part.shape).astype(np.float32), (0, 0), smoothness)
    # White noise of unit variance, blurred by sigma in two dimensions, keeps the variance 1 / (4 pi sigma^2).
    scale = amplitude * smoothness * 2 * np.sqrt(np.pi)
    # The outline lies half a pixel from the pixels beside it.
    claim[near] = np.where(part, depth(part) - 0.5, 0.5 - depth(~part)).astype(np.float32) + scale * field
    return claim


def _bounded_noise(noise_pixels: float, mask: Mask) -> float:
    return min(noise_pixels, LARGEST_SHARE * float(np.sqrt(np.count_nonzero(mask) / np.pi)))


def _wrong_regions(mask: Mask, truth: Mask) -> list[tuple[Mask, bool]]:
    """Return connected regions that are wrong, the largest first, and whether they belong to the object."""
    found: list[tuple[int, Mask, bool]] = []
    for positive, wrong in ((True, truth & ~mask), (False, mask & ~truth)):
        _, parts, stats, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8), connectivity=8)
        areas = stats[1:, cv2.CC_STAT_AREA].tolist()
        largest = sorted(range(len(areas)), key=lambda k: -areas[k])[:MOST_STROKES]
        found += [(areas[k], np.asarray(parts == k + 1), positive) for k in largest]
    return [(region, positive) for _, region, positive in sorted(found, key=lambda f: -f[0])]


def _depth(region: Mask) -> NDArray[np.float32]:
    """Return the pixels to the region's edge; the edge of the frame is one too."""
    return depth(np.pad(region, 1))[1:-1, 1:-1]


def _middle(region: Mask) -> tuple[int, int]:
    """Return the pixel (x, y) of a region that is farthest from its edge."""
    y, x = np.unravel_index(int(np.argmax(_depth(region))), region.shape)
    return int(x), int(y)


def _ridge(region: Mask) -> NDArray[np.int64]:
    """Return the deepest pixel of each column or row along a region's longer side, int [n, 2] of (x, y)."""
    x0, y0, x1, y1 = window_of(region)
    inside = _depth(region)[y0:y1, x0:x1]
    upright = y1 - y0 > x1 - x0
    lines = inside if upright else inside.T
    cut = int((1 - STROKE_SHARE) / 2 * len(lines))
    along = np.arange(cut, len(lines) - cut)
    across = lines[along].argmax(axis=1)
    columns, rows = (across, along) if upright else (along, across)
    return np.stack([columns + x0, rows + y0], axis=1).astype(np.int64)


def _simplified(contours: Sequence[NDArray[np.int32]]) -> list[NDArray[np.float64]]:
    """Simplify contours to at most ``MOST_VERTICES`` vertices in all, but three each, by the smallest tolerance that
    does it (Douglas and Peucker, 1973)."""
    low, high = 0.0, float(max(len(c) for c in contours))
    for _ in range(16):
        tolerance = (low + high) / 2
        if sum(len(cv2.approxPolyDP(c, tolerance, True)) for c in contours) > MOST_VERTICES:
            low = tolerance
        else:
            high = tolerance
    return [_at_least_three(np.asarray(cv2.approxPolyDP(c, high, True)[:, 0])) for c in contours]


def _at_least_three(vertices: NDArray[Any]) -> NDArray[np.float64]:
    """Return a dot or a line as a polygon without area."""
    missing = max(0, 3 - len(vertices))
    return np.concatenate([vertices, np.repeat(vertices[-1:], missing, axis=0)]).astype(np.float64)
