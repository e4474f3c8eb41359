"""Masks of boxes by a trained network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from al_core.masks.soft import Size, Window
from al_core.networks.shapes.box_crops import BoxCrop, Mask, Picture, window_around
from al_core.networks.shapes.shape_network import ShapeNetwork
from al_core.networks.shapes.shape_training import network_picture

LEVELS = (0.5, 0.4, 0.3, 0.2, 0.1)
"""Probabilities above which a pixel may be taken to be the object's."""

AS_GOOD = 0.05
"""How much less the box of a mask may fit for the higher level to be taken."""


@dataclass(frozen=True, eq=False)
class BoxMask:
    """What was found in a box.

    Attributes:
        mask: the object, bool [H, W]; nothing outside the box is set, and it is never empty.
        probability: of the object, float32 [H, W]; 0 outside the box.
        confidence: overlap with the truth that the probabilities themselves promise, in [0, 1].
    """

    mask: Mask
    probability: NDArray[np.float32]
    confidence: float


@torch.inference_mode()
def masks_in_boxes(
    network: ShapeNetwork, image: Picture, boxes: Sequence[Window], kinds: Sequence[int], spreads: bool = True
) -> list[BoxMask]:
    """Return what a network finds in boxes of a frame, in their order.

    Args:
        network: in evaluation mode.
        image: RGB uint8 [H, W, 3].
        boxes: each has at least one pixel of the frame.
        kinds: the category of each, as in the training.
        spreads: False for the head alone, which is not shown what has spread.
    """
    if not boxes:
        return []
    crops = [BoxCrop.around(box) for box in boxes]
    pictures = torch.from_numpy(np.stack([network_picture(crop.image(image)) for crop in crops]))
    inside = torch.from_numpy(np.stack([crop.drawn(crop.box) for crop in crops]))[:, None]
    kept = None if spreads else torch.zeros_like(inside[:, :, ::4, ::4])
    seen = network(pictures, inside, 1 - inside, torch.tensor(list(kinds)), kept=kept)
    size: Size = (int(image.shape[0]), int(image.shape[1]))
    found: NDArray[np.float32] = seen.mask.sigmoid().numpy()
    return [
        _cut(crop.on_frame(values, size), crop.box.clipped(size)) for crop, values in zip(crops, found, strict=True)
    ]


def _cut(probability: NDArray[np.float32], box: Window) -> BoxMask:
    """Cut where the mask touches the sides of its box best: objects do; the whole box where nothing is found."""
    masks = [probability > level for level in LEVELS]
    fits = [overlap_of(window_around(mask), box) for mask in masks]
    best = int(np.argmax(np.asarray(fits) > max(fits) - AS_GOOD))
    mask = masks[best]
    if not mask.any():
        mask[box.slices] = True
    shared, missed = float(probability[mask].sum()), float(probability[~mask].sum())
    return BoxMask(mask, probability, shared / max(float(mask.sum()) + missed, 1e-6))


def overlap_of(one: Window, other: Window) -> float:
    """Return the IoU of two windows; 0 where one is empty."""
    if one.empty or other.empty:
        return 0.0
    width = max(0, min(one.x1, other.x1) - max(one.x0, other.x0))
    height = max(0, min(one.y1, other.y1) - max(one.y0, other.y0))
    areas = [(w.x1 - w.x0) * (w.y1 - w.y0) for w in (one, other)]
    return width * height / (sum(areas) - width * height)
