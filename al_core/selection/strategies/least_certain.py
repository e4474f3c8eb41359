"""The frames that the ensemble is least certain of."""

from collections.abc import Mapping

import numpy as np

from al_core.records import Selected
from al_core.selection.constraints import Limits
from al_core.selection.pool import Frames, Pool, Ranked
from al_core.selection.strategies.uniform import select_uniform
from al_core.settings import SelectionSettings


def select_least_certain(pool: Pool, n: int, settings: SelectionSettings, rng: np.random.Generator) -> list[Selected]:
    """Take the most uncertain frame, then the next that gap and quota allow, ties by video and frame.

    Before there are predictions nobody is uncertain of anything: the frames are then spread evenly.
    """
    if pool.rank is None:
        return select_uniform(pool, n, settings, rng)
    frames, uncertainty = most_uncertain(pool, n, settings.min_gap, settings.quota_per_video)
    refs = [frames.ref(p) for p in range(len(frames))]
    parts = pool.explain(refs)
    return [
        Selected(ref, rank, u, f"choice {rank + 1} of {len(refs)}: {why_uncertain(u, parts.get(ref))}")
        for rank, (ref, u) in enumerate(zip(refs, uncertainty.tolist(), strict=True))
    ]


def most_uncertain(pool: Pool, n: int, min_gap: int, quota: int) -> tuple[Frames, np.ndarray]:
    """Return at most ``n`` frames by falling uncertainty that keep gap and quota, and their uncertainty, float32 [n].

    The result is that of walking through all candidates, however little of them is read.
    """
    assert pool.rank is not None
    possible = min(n, quota * len(pool.lengths)) if quota else n
    for ranked in pool.rank(possible, quota, min_gap):
        limits = Limits(ranked.frames, min_gap, quota, pool.labelled, pool.shots)
        chosen = limits.take_in_order(possible)
        if _settled(ranked, limits, chosen, possible):
            break
    return ranked.frames[chosen], ranked.uncertainty[chosen]


def _settled(ranked: Ranked, limits: Limits, chosen: np.ndarray, wanted: int) -> bool:
    """Tell whether frames that were not read could not have changed the choice."""
    open_ends = [u for video, u in ranked.lowest.items() if limits.room(video)]
    if not open_ends:
        return True
    return len(chosen) == wanted and float(ranked.uncertainty[chosen[-1]]) >= max(open_ends)


def why_uncertain(uncertainty: float, parts: Mapping[str, float] | None) -> str:
    """Explain the uncertainty in words, with its largest part where the parts are known."""
    if not parts or not any(parts.values()):
        return f"uncertainty {uncertainty:.3f}"
    name = max(parts, key=lambda part: parts[part])
    return f"uncertainty {uncertainty:.3f}, largest part {name.replace('_', ' ')} ({parts[name]:.3f})"
