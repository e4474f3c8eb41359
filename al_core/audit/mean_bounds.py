"""Intervals for the mean of bounded figures that hold for few and for skewed ones.

Nine masks of ten may overlap perfectly and one not at all: a normal or a Student interval from eight of them is too
narrow most of the time. Here the figures and the worst that one could be get random weights (a Dirichlet's, all ones):
a quantile of the weighted mean bounds the mean (Gaffke: "Three test statistics for a nonparametric one-sided hypothesis
on the mean of a nonnegative variable", 2005; Learned-Miller, Thomas: "A new confidence interval for the mean of a
bounded random variable", 2019). For figures that are 0 or 1 this is the interval of Clopper and Pearson, which covers
by proof; for others no counter-example is known, and ``tests/bench/auditing/audit_coverage.py`` looks for one.
"""

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
WEIGHTS = 4000
"""Random weightings, of which quantiles are taken."""

Array = NDArray[np.float64]


def mean_interval(
    values: Array, least: float, most: float, rng: np.random.Generator, level: float = LEVEL
) -> tuple[float, float]:
    """Return the interval for the mean of what some figures are a random sample of.

    Args:
        values: float64 [n], at least one.
        least, most: no figure lies outside of these.

    Returns:
        (low, high), each missed with probability (1 - ``level``) / 2 at most.

    Raises:
        ValueError: no figures, or one outside of its bounds.
    """
    if not len(values) or values.min() < least - 1e-9 or values.max() > most + 1e-9:
        raise ValueError(f"expected figures from {least} to {most}, got {values.tolist()[:5]}")
    spacings = rng.standard_exponential((WEIGHTS, len(values) + 1))
    spacings /= spacings.sum(axis=1, keepdims=True)
    inner, outer = spacings[:, :-1] @ values, spacings[:, -1]
    tail = (1 - level) / 2
    low, high = np.quantile(inner + outer * least, tail), np.quantile(inner + outer * most, 1 - tail)
    return float(low), float(high)
