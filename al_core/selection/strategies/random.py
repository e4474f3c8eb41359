"""Frames drawn at random: the yardstick that every strategy has to beat."""

import numpy as np

from al_core.records import Selected
from al_core.selection.constraints import Limits
from al_core.selection.pool import Pool
from al_core.settings import SelectionSettings


def select_random(pool: Pool, n: int, settings: SelectionSettings, rng: np.random.Generator) -> list[Selected]:
    """Draw frames without replacement, passing over those that gap or quota rule out."""
    frames = pool.candidates[rng.permutation(len(pool.candidates))]
    limits = Limits(frames, settings.min_gap, settings.quota_per_video, pool.labelled, pool.shots)
    reason = f"drawn at random from {len(frames)} frames"
    chosen = limits.take_in_order(n)
    return [Selected(frames.ref(p), rank, 0.0, reason) for rank, p in enumerate(chosen)]
