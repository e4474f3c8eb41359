"""Scribbles: strokes through what is wrong, taken as rows of clicks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadLabel
from al_core.interactive.clicks import Click, refine_with_clicks

MOST_CLICKS = 12
"""Most clicks that a stroke counts as, evenly spaced along it."""

PRIOR_TRUST = 0.2
"""A row of clicks carries farther than one, so that the prediction must hold more strongly."""


@dataclass(frozen=True, eq=False)
class Stroke:
    """One line that a person drew: the pixels (x, y) along it, int [n, 2], and whether they belong to the object.

    Raises:
        BadLabel: a stroke without points.
    """

    points: NDArray[np.int64]
    positive: bool

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[1] != 2 or not len(self.points):
            raise BadLabel(f"a stroke has at least one point, shape [n, 2], got {list(self.points.shape)}")


def refine_with_scribble(
    image: NDArray[np.uint8], probability: NDArray[np.float32], strokes: Sequence[Stroke]
) -> NDArray[np.bool_]:
    """Return the mask after strokes, bool [h, w]: every point of a stroke is on its side of it, of two strokes over one
    pixel the later.

    Args:
        image: RGB uint8 [h, w, 3].
        probability: current probability, float32 [h, w].

    Raises:
        BadLabel: a stroke that leaves the frame, or an image of another size.
    """
    h, w = probability.shape
    for stroke in strokes:
        low, high = stroke.points.min(axis=0), stroke.points.max(axis=0)
        if (low < 0).any() or (high >= (w, h)).any():
            raise BadLabel(f"strokes lie inside the frame of {w}x{h} pixels, got one from {low} to {high}")
    clicks = [click for stroke in strokes for click in _clicks(stroke)]
    mask = refine_with_clicks(image, probability, clicks, PRIOR_TRUST)
    for stroke in strokes:
        mask[stroke.points[:, 1], stroke.points[:, 0]] = stroke.positive
    return mask


def _clicks(stroke: Stroke) -> list[Click]:
    n = min(MOST_CLICKS, len(stroke.points))
    # The middles of n pieces of equal length: a single click lies in the middle of the stroke.
    chosen = ((np.arange(n) + 0.5) * len(stroke.points) / n).astype(int)
    return [Click(int(x), int(y), stroke.positive) for x, y in stroke.points[chosen]]
