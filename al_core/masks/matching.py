"""Pair rows with columns one to one, by the Hungarian method (Kuhn, Naval Research Logistics Quarterly 1955)."""

import numpy as np
from numpy.typing import NDArray

ANY_OVERLAP = float(np.nextafter(0.0, 1.0))
"""Least score of pairs that overlap at all."""


def matched(score: NDArray[np.floating], least: float = -np.inf) -> list[tuple[int, int]]:
    """Return the one-to-one pairs (row, column) with the greatest sum of scores, by rising row.

    Args:
        score: how well row i and column j fit, float [rows, columns], finite; higher is better.
        least: pairs below this score are left out after the pairing.
    """
    # What only shows figures starts without scipy.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(score, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if float(score[i, j]) >= least]
