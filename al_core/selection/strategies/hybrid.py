"""Uncertain and diverse: of many uncertain frames those that are least alike."""

import numpy as np

from al_core.records import Selected
from al_core.selection.constraints import Limits
from al_core.selection.pool import Pool
from al_core.selection.strategies.diverse import farthest_points, select_diverse, why_unlike
from al_core.selection.strategies.least_certain import most_uncertain, why_uncertain
from al_core.settings import SelectionSettings


def select_hybrid(pool: Pool, n: int, settings: SelectionSettings, rng: np.random.Generator) -> list[Selected]:
    """Take the ``pool_factor * n`` least certain frames, and of these the farthest apart in features.

    Both steps keep gap and quota; in the first the quota is ``pool_factor`` times as large. Before there are
    predictions only diversity counts.
    """
    if pool.rank is None:
        return select_diverse(pool, n, settings, rng)
    factor, quota = settings.pool_factor, settings.quota_per_video
    frames, uncertainty = most_uncertain(pool, factor * n, settings.min_gap, factor * quota)
    if not len(frames):
        return []
    order = np.argsort(frames.keys, kind="stable")
    frames, uncertainty = frames[order], uncertainty[order]
    limits = Limits(frames, settings.min_gap, quota, pool.labelled, pool.shots)
    picks = farthest_points(pool, frames, pool.features_of(frames), limits, n, first=int(uncertainty.argmax()))
    found = [(frames.ref(pick.position), float(uncertainty[pick.position]), pick) for pick in picks]
    parts = pool.explain([ref for ref, _, _ in found])
    return [
        Selected(ref, rank, u, f"{why_uncertain(u, parts.get(ref))}; {why_unlike(pick)}")
        for rank, (ref, u, pick) in enumerate(found)
    ]
