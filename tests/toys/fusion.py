"""Squares in frames of 8x12 pixels, as people, propagators and teachers give them."""

from collections.abc import Mapping

import numpy as np

from al_core.masks.rle import encode
from al_core.masks.soft import SoftMask
from al_core.propagation.base import PropagatedTrack
from al_core.records import FrameLabel, FrameRef, MaskLabel
from al_core.stores.predictions import PredictedObject

SIZE = (8, 12)


def box(x: int, y: int = 2, side: int = 4) -> np.ndarray:
    """A square in a frame of 8x12 pixels."""
    mask = np.zeros(SIZE, bool)
    mask[y : y + side, x : x + side] = True
    return mask


def carried(mask: np.ndarray, confidence: float = 0.9) -> PropagatedTrack:
    """A mask as a propagator gives it."""
    return PropagatedTrack(SoftMask.of(mask), confidence)


def seen(mask: np.ndarray, existence: float = 0.95, category: int = 1, mask_iou: float = 1.0) -> PredictedObject:
    """A mask as the teachers give it."""
    chances = (existence, 1 - existence)
    return PredictedObject(category, chances, existence, 4, (0, 0, 1, 1), 0.0, mask_iou, 0.0, 0.0, SoftMask.of(mask))


def label(frame_idx: int, masks: Mapping[int, np.ndarray], category: int = 1) -> FrameLabel:
    """What a person said of a frame: masks by track, all of one category."""
    found = (MaskLabel(t, category, encode(m)) for t, m in masks.items())
    return FrameLabel(FrameRef(1, frame_idx), tuple(found))
