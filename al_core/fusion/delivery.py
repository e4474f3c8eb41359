"""Objects compete for pixels, and become masks of the frame's own size."""

from collections.abc import Sequence

import numpy as np

from al_core.fusion.blending import Fused
from al_core.masks.soft import Patch, Size, encode_patch, resample
from al_core.records import DeliveredMask, FrameLabel, Provenance


def human_masks(label: FrameLabel) -> list[DeliveredMask]:
    """What people said of a frame, byte by byte, ignore regions included."""
    index = label.frame.frame_idx
    return [
        DeliveredMask(index, m.track_id, m.category_id, Provenance.HUMAN, 1.0, m.rle)
        for m in sorted(label.masks, key=lambda m: m.track_id)
    ]


def deliver(frame_idx: int, fused: Sequence[Fused], grid: Size, size: Size) -> list[DeliveredMask]:
    """The masks of a frame of (height, width) ``size``; an object that wins no pixel has none."""
    masks = []
    for found, margin in zip(fused, margins([f.patch for f in fused], grid), strict=True):
        patch = resample(margin, grid, size)
        if (patch.values > 0.5).any():
            rle = encode_patch(patch, size)
            masks.append(
                DeliveredMask(frame_idx, found.track_id, found.category_id, found.provenance, found.confidence, rle)
            )
    return masks


def margins(patches: Sequence[Patch], grid: Size) -> list[Patch]:
    """How clearly each object wins each pixel from the others and from the background, 0.5 being a draw.

    Two margins never add up to more than 1, which enlarging them bilinearly keeps: masks cut at 0.5 do not
    overlap, and no gap opens between objects that touch.
    """
    if len(patches) == 1:
        return list(patches)
    total = np.zeros(grid, np.float32)
    best = np.zeros(grid, np.float32)
    second = np.zeros(grid, np.float32)
    for patch in patches:
        place = patch.window.slices
        total[place] += patch.values
        second[place] = np.maximum(second[place], np.minimum(best[place], patch.values))
        best[place] = np.maximum(best[place], patch.values)
    background = np.maximum(1 - total, 0)
    margins = []
    for patch in patches:
        place = patch.window.slices
        rival = np.where(patch.values >= best[place], second[place], best[place])
        margin = 0.5 + 0.5 * (patch.values - np.maximum(background[place], rival))
        margins.append(patch._replace(values=np.clip(margin, 0, 1).astype(np.float32)))
    return margins
