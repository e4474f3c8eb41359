"""Unlike all labelled frames, and probably wrong.

After Hoyer et al., "Three Ways to Improve Semantic Segmentation with Self-Supervised Depth Estimation" (CVPR 2021):
farthest-point selection on standardised features, with an estimate of the student's error added to the distance.
Theirs is the disagreement of two depth networks. So is ours where the project has learnt depth, and the features are
those of the network of depth then; beside it, and alone elsewhere, stands the expected error of what would be delivered
now.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from al_core.records import Selected
from al_core.selection.constraints import Limits
from al_core.selection.error_model import Outlook
from al_core.selection.pool import Frames, Pool
from al_core.selection.strategies.diverse import select_diverse
from al_core.settings import SelectionSettings


def select_farthest_with_error(
    pool: Pool, n: int, settings: SelectionSettings, rng: np.random.Generator
) -> list[Selected]:
    """Choose one by one the frame with the greatest sum of distance and error, each in units of its mean.

    Before anything is known of errors only the distance counts.
    """
    if pool.depth is not None:
        pool = replace(pool, features=pool.depth.features)
    if (pool.outlooks is None and pool.depth is None) or not len(pool.labelled):
        return select_diverse(pool, n, settings, rng)
    frames = pool.candidates
    limits = Limits(frames, settings.min_gap, settings.quota_per_video, pool.labelled, pool.shots)
    if not limits.allowed.any():
        return []
    features, centres = _standardised(pool.features_of(frames), pool.features_of(pool.labelled))
    distance = np.full(len(frames), np.inf)
    for centre in centres:
        distance = np.minimum(distance, np.linalg.norm(features - centre, axis=1))
    errors = _errors(pool, frames)
    error = np.mean([one / max(float(one.mean()), 1e-9) for one in errors.values()], axis=0)
    unit = max(float(distance.mean()), 1e-9)
    chosen: list[Selected] = []
    while len(chosen) < n and limits.allowed.any():
        score = distance / unit + error
        position = int(np.argmax(np.where(limits.allowed, score, -np.inf)))
        limits.take(position)
        told = " and ".join(f"{what} {one[position]:.2f}" for what, one in errors.items())
        reason = f"unlike all labelled frames ({distance[position]:.2f}) and {told}"
        chosen.append(Selected(frames.ref(position), len(chosen), float(score[position]), reason))
        distance = np.minimum(distance, np.linalg.norm(features - features[position], axis=1))
    return chosen


def _standardised(
    features: NDArray[np.float32], others: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both with mean 0 and deviation 1 in each column over ``features``."""
    mean, deviation = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    deviation = np.where(deviation > 0, deviation, 1.0)
    return (features - mean) / deviation, (others - mean) / deviation


def _errors(pool: Pool, frames: Frames) -> dict[str, NDArray[np.float64]]:
    """Return what is known of the errors of frames, float64 [n] each, by how it is told."""
    found = {}
    if pool.outlooks is not None:
        found["expected to be wrong by"] = _expected(pool.outlooks, frames)
    if pool.depth is not None:
        found["its depth told wrong by"] = pool.depth.errors(frames, pool.labelled)
    return found


def _expected(outlooks: Callable[[int], Outlook], frames: Frames) -> NDArray[np.float64]:
    found = np.empty(len(frames))
    for video in np.unique(frames.video_id).tolist():
        mine = frames.video_id == video
        found[mine] = outlooks(video).error[frames.frame_idx[mine]]
    return found
