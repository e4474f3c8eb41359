"""Frames, masks and objects side by side: what the steps of the fusion share."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from al_core.masks.overlap import overlaps
from al_core.propagation.base import PropagatedFrame
from al_core.stores.predictions import FramePrediction, InOrder, PredictedObject

Propagated = Callable[[], Iterator[PropagatedFrame]]
Predicted = Callable[[], Iterator[FramePrediction]]

MEET_IOU = 0.1
"""Least overlap at which a tracklet meets a track, or a human mask."""

SHARPNESS = 6.0
"""How strongly the better of two masks outweighs the other: weights are expected overlaps to this power."""


def frames_with_predictions(
    propagated: Propagated, predicted: Predicted | None
) -> Iterator[tuple[PropagatedFrame, FramePrediction | None]]:
    """Yield every propagated frame with its prediction, None where there is none."""
    predictions = InOrder(predicted() if predicted is not None else ())
    for frame in propagated():
        yield frame, predictions.at(frame.frame_idx)


def pair_overlap(
    frame: PropagatedFrame, tracks: Sequence[int], objects: Sequence[PredictedObject], category: Mapping[int, int]
) -> NDArray[np.float32]:
    """Return the IoU of every track with every object of its category, float32 [tracks, objects]; 0 for other
    categories."""
    overlap = overlaps([frame.tracks[t].mask for t in tracks], [o.soft_mask for o in objects])
    same = np.equal.outer([category[t] for t in tracks], [o.category_id for o in objects])
    return np.asarray(np.where(same, overlap, 0), np.float32)
