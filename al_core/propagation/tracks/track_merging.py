"""The five scores by which PReMVOS merges proposals into tracks (Luiten, Voigtlaender, Leibe: "PReMVOS:
Proposal-generation, Refinement and Merging for Video Object Segmentation", ACCV 2018)."""

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadSettings
from al_core.masks.soft import Patch

Scores = NDArray[np.float32]
"""[proposals, tracks], in [0, 1]."""


@dataclass(frozen=True)
class MergeWeights:
    """What each of the five scores counts; the values of PReMVOS.

    Attributes:
        objectness: that there is an object.
        alike: that the proposal looks like the track's human masks.
        unlike_others: 1 - how much it looks like the most similar other track.
        warp: its overlap (IoU) with the track's mask, carried here along the flow.
        warp_of_no_other: 1 - its greatest overlap with the carried mask of another track.

    Raises:
        BadSettings: a weight below 0, or weights that do not add up to 1.
    """

    objectness: float = 0.259
    alike: float = 0.225
    unlike_others: float = 0.078
    warp: float = 0.125
    warp_of_no_other: float = 0.313

    def __post_init__(self) -> None:
        values = astuple(self)
        if not all(value >= 0 for value in values) or not math.isclose(sum(values), 1, abs_tol=1e-3):
            raise BadSettings(
                f"expected weights of at least 0 that add up to 1, got {values}; divide them by their sum"
            )


@dataclass(frozen=True)
class Merging:
    """How proposals become tracks.

    Attributes:
        floor: a track whose best proposal scores less gets no mask; in [0, 1]. The default was chosen on
            clips that no figure of the propagator is reported on.
        carried: whether the masks that are carried along the flow are proposals too.

    Raises:
        BadSettings: a floor outside [0, 1].
    """

    weights: MergeWeights = MergeWeights()
    floor: float = 0.62
    carried: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.floor <= 1:
            raise BadSettings(f"expected a floor of the merge from 0 to 1, as scores are, got {self.floor}")


def merge_scores(objectness: NDArray[np.float32], alike: Scores, warp: Scores, weights: MergeWeights) -> Scores:
    """Return the weighted sum of the five scores, of each of n proposals for each of k tracks.

    Args:
        objectness: float32 [n] in [0, 1].
        alike: float32 [n, k] in [0, 1], likeness to each track's human masks.
        warp: float32 [n, k] in [0, 1], overlap with each track's carried mask.
    """
    w = weights
    own = w.objectness * objectness[:, None] + w.alike * alike + w.warp * warp
    others = w.unlike_others * (1 - best_other(alike)) + w.warp_of_no_other * (1 - best_other(warp))
    return np.asarray(own + others, np.float32)


def best_other(values: Scores) -> Scores:
    """Return for each track the greatest value among the other tracks, [n, k]; 0 where there is no other."""
    if not values.size or values.shape[1] == 1:
        return np.zeros_like(values)
    second, first = np.sort(values, axis=1)[:, -2:].T[..., None]
    return np.where(np.arange(values.shape[1]) == values.argmax(axis=1)[:, None], second, first)


def kept_apart(
    masks: Mapping[int, Patch], scores: Mapping[int, float], friends: Mapping[int, frozenset[int]]
) -> dict[int, Patch]:
    """Return what is left of each mask when pixels that are shared, but for ``friends``, go to the higher score."""
    apart: dict[int, Patch] = {}
    for track in sorted(masks, key=lambda t: (-scores[t], t)):
        patch = masks[track]
        values = patch.values
        for other in apart.keys() - friends.get(track, frozenset()):
            values = np.minimum(values, 1 - apart[other].on(patch.window))
        apart[track] = patch._replace(values=values).trimmed()
    return {track: apart[track] for track in sorted(apart) if apart[track].values.size}
