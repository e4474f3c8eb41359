"""Intervals by the bootstrap (Efron: "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 1979).

What is drawn with replacement are whole clusters, e.g. videos with all their frames and seeds. So an interval says what
other clusters of this kind could have shown. It needs at least two; with one it is unknown (NaN).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
LEVEL = 0.95

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval; ``low`` and ``high`` are NaN where the interval is unknown."""

    value: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Tell whether there is an interval."""
        return not np.isnan(self.low)


def bootstrap_weights(n_clusters: int, rng: np.random.Generator, draws: int = DRAWS) -> Array:
    """Draw how much each cluster counts, float64 [draws, n_clusters], rows summing to 1."""
    drawn = rng.integers(n_clusters, size=(draws, n_clusters)) + np.arange(draws)[:, None] * n_clusters
    return np.bincount(drawn.ravel(), minlength=draws * n_clusters).reshape(draws, n_clusters) / n_clusters


def interval(
    drawn: Array, method: Literal["linear", "lower", "higher", "inverted_cdf"] = "linear"
) -> tuple[Array, Array]:
    """Return (low, high) ends of the percentile interval of drawn figures, float64 [draws, ...] to [...] each.

    The method, by which a quantile between two draws is found, is that of :func:`numpy.quantile`.
    """
    low, high = np.quantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2), axis=0, method=method)
    return low, high


def estimate(
    value: float, drawn: Array | None = None, method: Literal["linear", "inverted_cdf"] = "linear"
) -> Estimate:
    """Return a figure with the interval of its draws, float64 [draws]; without draws the interval is unknown."""
    low, high = (np.nan, np.nan) if drawn is None else interval(drawn, method)
    return Estimate(float(value), float(low), float(high))


def mean_estimate(values: Array, rng: np.random.Generator, draws: int = DRAWS) -> Estimate:
    """Return the mean of some figures, one a cluster, float64 [n], with its interval."""
    drawn = bootstrap_weights(len(values), rng, draws) @ values if len(values) > 1 else None
    return estimate(float(np.mean(values)), drawn)
