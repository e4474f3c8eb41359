"""Shapes to label."""

import numpy as np


def disk(x: float, y: float, radius: float, size: int = 64) -> np.ndarray:
    rows, columns = np.ogrid[:size, :size]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
