"""Frames unlike each other and unlike every labelled one: farthest-point selection on features."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from al_core.records import Selected
from al_core.selection.constraints import Limits
from al_core.selection.pool import Frames, Pool
from al_core.settings import SelectionSettings

MOST_COMPARED = 200_000
"""Of more candidates than this, every second (third ...) frame in time is compared, to bound memory."""


@dataclass(frozen=True)
class Pick:
    """A candidate that was chosen as farthest.

    Attributes:
        distance: Euclidean distance of its features to the nearest labelled or chosen frame; infinite for the first.
        nearest: (video, index) of that frame; None for the first.
    """

    position: int
    distance: float
    nearest: tuple[int, int] | None


def select_diverse(pool: Pool, n: int, settings: SelectionSettings, rng: np.random.Generator) -> list[Selected]:
    """Choose by k-center greedy (Gonzalez 1985; Sener and Savarese, ICLR 2018), labelled frames as first centres.

    Without any label the first choice is the most typical frame: the one nearest to the mean of all.
    """
    step = -(-len(pool.candidates) // MOST_COMPARED)
    frames = pool.candidates[:: max(step, 1)]
    limits = Limits(frames, settings.min_gap, settings.quota_per_video, pool.labelled, pool.shots)
    if not limits.allowed.any():
        return []
    features = pool.features_of(frames)
    typical = np.where(limits.allowed, np.linalg.norm(features - features.mean(axis=0), axis=1), np.inf)
    picks = farthest_points(pool, frames, features, limits, n, first=int(typical.argmin()))
    return [Selected(frames.ref(p.position), rank, _score(p), why_unlike(p)) for rank, p in enumerate(picks)]


def farthest_points(
    pool: Pool, frames: Frames, features: NDArray[np.float32], limits: Limits, n: int, first: int
) -> list[Pick]:
    """Choose up to ``n`` frames, each the one farthest from all labelled and chosen so far, ties by position.

    Args:
        features: float32 [len(frames), d].
        first: position of the first choice when nothing is labelled yet.
    """
    known = pool.labelled
    distance, nearest = _to_nearest(features, pool.features_of(known) if len(known) else None)
    centres = list(zip(known.video_id.tolist(), known.frame_idx.tolist(), strict=True))
    picks: list[Pick] = []
    while len(picks) < n and limits.allowed.any():
        position = int(np.argmax(np.where(limits.allowed, distance, -1))) if centres else first
        picks.append(Pick(position, float(distance[position]), centres[nearest[position]] if centres else None))
        limits.take(position)
        to_new = _distances(features, features[position])
        nearest[to_new < distance] = len(centres)
        distance = np.minimum(distance, to_new)
        centres.append((int(frames.video_id[position]), int(frames.frame_idx[position])))
    return picks


def why_unlike(pick: Pick) -> str:
    """Explain the choice in words."""
    if pick.nearest is None:
        return "the most typical frame while nothing is labelled"
    video, frame = pick.nearest
    return f"unlike all labelled frames: {pick.distance:.3f} from the nearest, frame {frame} of video {video}"


def _score(pick: Pick) -> float:
    return pick.distance if pick.nearest is not None else 0.0


def _to_nearest(
    features: NDArray[np.float32], centres: NDArray[np.float32] | None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the distance of each row to the nearest centre, and which one that is."""
    if centres is None:
        return np.full(len(features), np.inf), np.zeros(len(features), np.int64)
    from sklearn.metrics import pairwise_distances_argmin

    nearest = pairwise_distances_argmin(features, centres)
    # The library's distances carry rounding that differs between equal rows; ties have to be exact.
    return _distances(features, centres[nearest]), nearest.astype(np.int64)


def _distances(features: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.sqrt(np.square(features - other, dtype=np.float64).sum(axis=1))
