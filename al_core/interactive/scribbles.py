"""Scribbles: strokes through what is wrong, taken as rows of clicks."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadLabel
from al_core.interactive.clicks import Click, refine_at_once
from al_core.masks.soft import Size

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
    check_strokes(strokes, (probability.shape[0], probability.shape[1]))
    clicks = [click for stroke in strokes for click in clicks_along(stroke)]
    mask = refine_at_once(image, probability, clicks, PRIOR_TRUST)
    return drawn_over(mask, strokes)


def stroke_through(points: Sequence[tuple[float, float]], positive: bool, size: Size) -> Stroke:
    """Return the stroke of straight lines from point to point, (x, y) in pixels, as far as it lies in a frame of
    (height, width) ``size``.

    Raises:
        BadLabel: no point of it does.
    """
    # However far outside a point is said to lie, the way to it is no longer than the frame.
    corners = np.floor(np.clip(np.array(points, float).reshape(-1, 2), -1, size[::-1])).astype(np.int64)
    lines = [corners[:1]]
    for start, end in pairwise(corners):
        steps = max(int(np.abs(end - start).max()), 1)
        lines.append(np.rint(start + np.outer(np.arange(1, steps + 1) / steps, end - start)).astype(np.int64))
    along = np.concatenate(lines)
    inside = along[((along >= 0) & (along < np.array(size[::-1]))).all(axis=1)]
    if not len(inside):
        raise BadLabel(f"a stroke lies in the frame of {size[1]}x{size[0]} pixels, got one that is wholly outside")
    return Stroke(inside, positive)


def check_strokes(strokes: Sequence[Stroke], size: Size) -> None:
    """Refuse strokes that do not lie in a frame of (height, width) ``size``.

    Raises:
        BadLabel: a stroke leaves the frame.
    """
    for stroke in strokes:
        low, high = stroke.points.min(axis=0), stroke.points.max(axis=0)
        if (low < 0).any() or (high >= size[::-1]).any():
            raise BadLabel(f"strokes lie inside the frame of {size[1]}x{size[0]} pixels, got one from {low} to {high}")


def drawn_over(mask: NDArray[np.bool_], strokes: Sequence[Stroke]) -> NDArray[np.bool_]:
    """Put the pixels of a mask, bool [h, w], that strokes run over on the side that each says; the mask is changed."""
    for stroke in strokes:
        mask[stroke.points[:, 1], stroke.points[:, 0]] = stroke.positive
    return mask


def clicks_along(stroke: Stroke) -> list[Click]:
    """Return the clicks that a stroke counts as, from its beginning to its end."""
    n = min(MOST_CLICKS, len(stroke.points))
    # The middles of n pieces of equal length: a single click lies in the middle of the stroke.
    chosen = ((np.arange(n) + 0.5) * len(stroke.points) / n).astype(int)
    return [Click(int(x), int(y), stroke.positive) for x, y in stroke.points[chosen]]
