"""How a person draws a whole mask: along the outline, a little beside it."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

LARGEST_SHARE = 0.25
"""Noise moves the outline of a small object by no more than this share of its radius."""


def displaced(
    masks: Sequence[NDArray[np.bool_]], noise_pixels: float, rng: np.random.Generator
) -> list[NDArray[np.bool_]]:
    """Move the outlines of masks in and out at random, smoothly along the outline.

    The signed distance to the outline gets a smooth random field of standard deviation ``noise_pixels``,
    but no more than ``LARGEST_SHARE`` of the object's radius (of the disk of the same area), so that small
    objects stay themselves. Objects that did not overlap do not: a pixel that two claim goes to the one
    whose claim is stronger. No mask loses its last pixel.

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
    return [new if new.any() else mask for new, mask in zip(moved, masks, strict=True)]


def _claim(mask: NDArray[np.bool_], noise_pixels: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return how strongly each pixel belongs to the displaced object, float32 [h, w]: positive inside."""
    claim = np.full(mask.shape, -np.inf, np.float32)
    if not mask.any():
        return claim
    amplitude = bounded_noise(noise_pixels, mask)
    smoothness = max(2.0, 3 * amplitude)
    near = _surroundings(mask, margin=int(np.ceil(4 * amplitude)) + 1)
    field = cv2.GaussianBlur(rng.standard_normal(mask[near].shape).astype(np.float32), (0, 0), smoothness)
    # White noise of unit variance, blurred by sigma in two dimensions, keeps the variance 1 / (4 pi sigma^2).
    scale = amplitude * smoothness * 2 * np.sqrt(np.pi)
    claim[near] = _signed_distance(mask[near]) + scale * field
    return claim


def bounded_noise(noise_pixels: float, mask: NDArray[np.bool_]) -> float:
    """Bound the noise for an object: ``noise_pixels``, but no more than ``LARGEST_SHARE`` of its radius."""
    return min(noise_pixels, LARGEST_SHARE * float(np.sqrt(np.count_nonzero(mask) / np.pi)))


def _surroundings(mask: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + margin + 1),
    )


def _signed_distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the pixels to the outline, positive inside, half a pixel at the pixels beside it; the frame's edge is no
    outline."""
    inside = mask.astype(np.uint8)
    if mask.all():
        return np.full(mask.shape, np.inf, np.float32)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    height = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.where(mask, depth - 0.5, 0.5 - height).astype(np.float32)
