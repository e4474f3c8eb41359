"""What chosen labels brought per human second, beside labels that were drawn at random.

The gain is the worth per human second of the strategy's labels divided by that of the random ones; worth is measured in
:mod:`al_core.selection.gain`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from al_core.evaluation.bootstrap import Array, Estimate, bootstrap_weights, estimate

LEAST_CONTROL = 5
"""Fewest random labels from which a gain is reported."""


@dataclass(frozen=True, slots=True)
class Credit:
    """What one label brought for its human seconds: ``worth`` is how much the masks around it changed, in frames."""

    control: bool
    seconds: float
    worth: float


def live_gain(credits: Sequence[Credit], rng: np.random.Generator) -> Estimate | None:
    """Compare the worth per second of chosen labels with that of random ones: a ratio with its interval over labels.

    None while there are fewer than ``LEAST_CONTROL`` random labels, no chosen ones, or random ones changed nothing.
    """
    chosen, control = ([c for c in credits if c.control is drawn] for drawn in (False, True))
    if len(control) < LEAST_CONTROL or not chosen or not any(c.worth for c in control):
        return None
    (ours, drawn), (random, random_drawn) = (_rates(credits, rng) for credits in (chosen, control))
    return estimate(ours / random, drawn / np.maximum(random_drawn, 1e-9))


def _rates(credits: Sequence[Credit], rng: np.random.Generator) -> tuple[float, Array]:
    """Return the worth per second of some labels, and that of each draw of them, float64 [draws]."""
    worth, seconds = (np.array([getattr(c, name) for c in credits], float) for name in ("worth", "seconds"))
    weights = bootstrap_weights(len(credits), rng)
    return float(worth.sum() / max(seconds.sum(), 1e-9)), (weights @ worth) / np.maximum(weights @ seconds, 1e-9)
