"""Acquisition functions: a table of strategies that choose the frames a human should see from one pool."""

from collections.abc import Callable

import numpy as np

from al_core.errors import EmptyPool
from al_core.records import Selected
from al_core.selection.gain import draw_control, n_control
from al_core.selection.offers import with_kinds
from al_core.selection.pool import Frames, Pool
from al_core.settings import PluginTable, SelectionSettings

Strategy = Callable[[Pool, int, SelectionSettings, np.random.Generator], list[Selected]]
"""Choose up to n frames, best first; the same pool, settings and generator give the same bytes."""

_NAMES = (
    "random", "uniform", "least_certain", "diverse", "hybrid", "value", "patch_cycles", "farthest_with_error",
    "oracle",
)  # fmt: skip
STRATEGIES: PluginTable[Strategy] = PluginTable(
    "strategy", {name: f"al_core.selection.strategies.{name}:select_{name}" for name in _NAMES}, "fewframes.strategies"
)

_PLAN_KINDS = frozenset({"value"})
"""Strategies that plan places and kinds of labels together."""


def select(name: str, pool: Pool, n: int, settings: SelectionSettings, rng: np.random.Generator) -> list[Selected]:
    """Choose ``n`` frames; fewer when gap and quota leave no more.

    A share of them (``control_share``) is drawn at random, unless all are. Whatever the strategy, each gets the kind of
    label that is worth most there (see :mod:`~al_core.selection.offers`).

    Raises:
        UnknownName: no such strategy.
        EmptyPool: not a single frame may be chosen.
    """
    strategy = STRATEGIES[name]
    if n < 1:
        return []
    drawn = n_control(n, settings.control_share, rng) if settings.control_share and name != "random" else 0
    chosen = strategy(pool, n - drawn, settings, rng) if n > drawn else []
    planned = {s.frame for s in chosen} if name in _PLAN_KINDS else set()
    chosen += draw_control(pool, drawn, chosen, settings, rng) if drawn else []
    if not chosen:
        repeats = sum(len(stretch) - 1 for known in pool.shots.values() for stretch in known.repeats)
        told = f"{repeats} that repeat others, " if repeats else ""
        told += f"{pool.n_vouched} whose masks are all certified, " if pool.n_vouched else ""
        raise EmptyPool(
            f"no frame is left to ask for: {sum(pool.lengths.values())} frames, "
            f"{len(pool.labelled)} asked for before, {told}"
            f"at least {settings.min_gap} frames between two. "
            "Ingest more videos or lower selection.min_gap"
        )
    return with_kinds(chosen, pool, planned)


__all__ = ["STRATEGIES", "Frames", "Pool", "Strategy", "select"]
