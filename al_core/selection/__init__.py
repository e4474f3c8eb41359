"""Which frames a human should see: a table of strategies over one pool, with gap and quota kept by all."""

from collections.abc import Callable

import numpy as np

from al_core.errors import EmptyPool, UnknownName
from al_core.records import Selected
from al_core.selection.gain import draw_control, n_control
from al_core.selection.pool import Frames, Pool
from al_core.selection.strategies.cycle_dissimilarity import select_cycle_dissimilarity
from al_core.selection.strategies.diverse import select_diverse
from al_core.selection.strategies.farthest_with_error import select_farthest_with_error
from al_core.selection.strategies.hybrid import select_hybrid
from al_core.selection.strategies.least_certain import select_least_certain
from al_core.selection.strategies.oracle import select_oracle
from al_core.selection.strategies.random import select_random
from al_core.selection.strategies.uniform import select_uniform
from al_core.selection.strategies.value import select_value
from al_core.settings import SelectionSettings

Strategy = Callable[[Pool, int, SelectionSettings, np.random.Generator], list[Selected]]
"""Chooses up to n frames, best first; the same pool, settings and generator give the same bytes."""

STRATEGIES: dict[str, Strategy] = {
    "random": select_random,
    "uniform": select_uniform,
    "least_certain": select_least_certain,
    "diverse": select_diverse,
    "hybrid": select_hybrid,
    "value": select_value,
    "cycle_dissimilarity": select_cycle_dissimilarity,
    "farthest_with_error": select_farthest_with_error,
    "oracle": select_oracle,
}


def select(name: str, pool: Pool, n: int, settings: SelectionSettings, rng: np.random.Generator) -> list[Selected]:
    """Choose ``n`` frames; fewer when gap and quota leave no more.

    A share of them (``control_share``) is drawn at random, unless all are.

    Raises:
        UnknownName: no such strategy.
        EmptyPool: not a single frame may be chosen.
    """
    if name not in STRATEGIES:
        raise UnknownName("strategy", name, STRATEGIES)
    if n < 1:
        return []
    drawn = n_control(n, settings.control_share, rng) if settings.control_share and name != "random" else 0
    chosen = STRATEGIES[name](pool, n - drawn, settings, rng) if n > drawn else []
    chosen += draw_control(pool, drawn, chosen, settings, rng) if drawn else []
    if not chosen:
        raise EmptyPool(
            f"no frame is left to ask for: {sum(pool.lengths.values())} frames, "
            f"{len(pool.labelled)} asked for before, at least {settings.min_gap} frames between two. "
            "Ingest more videos or lower selection.min_gap"
        )
    return chosen


__all__ = ["STRATEGIES", "Frames", "Pool", "Strategy", "select"]
