"""Which frames a human should see: a table of strategies over one pool, with gap and quota kept by all."""

from collections.abc import Callable

import numpy as np

from al_core.errors import EmptyPool, UnknownName
from al_core.records import Selected
from al_core.selection.diverse import select_diverse
from al_core.selection.hybrid import select_hybrid
from al_core.selection.least_certain import select_least_certain
from al_core.selection.pool import Frames, Pool
from al_core.selection.random_ import select_random
from al_core.selection.uniform import select_uniform
from al_core.settings import SelectionSettings

Strategy = Callable[[Pool, int, SelectionSettings, np.random.Generator], list[Selected]]
"""Chooses up to n frames, best first; the same pool, settings and generator give the same bytes."""

STRATEGIES: dict[str, Strategy] = {
    "random": select_random,
    "uniform": select_uniform,
    "least_certain": select_least_certain,
    "diverse": select_diverse,
    "hybrid": select_hybrid,
}


def select(name: str, pool: Pool, n: int, settings: SelectionSettings, rng: np.random.Generator) -> list[Selected]:
    """Choose ``n`` frames; fewer when gap and quota leave no more.

    Raises:
        UnknownName: no such strategy.
        EmptyPool: not a single frame may be chosen.
    """
    if name not in STRATEGIES:
        raise UnknownName("strategy", name, STRATEGIES)
    if n < 1:
        return []
    chosen = STRATEGIES[name](pool, n, settings, rng)
    if not chosen:
        raise EmptyPool(
            f"no frame is left to ask for: {sum(pool.lengths.values())} frames, "
            f"{len(pool.labelled)} asked for before, at least {settings.min_gap} frames between two. "
            "Ingest more videos or lower selection.min_gap"
        )
    return chosen


__all__ = ["STRATEGIES", "Frames", "Pool", "Strategy", "select"]
