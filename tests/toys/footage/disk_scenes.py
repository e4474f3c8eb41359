"""Frames with a bright disk on a noisy ground, to learn from in a few steps."""

import numpy as np

from al_core.interactive.learned.situations import LabelledObjects
from tests.toys.masks import disk


def scene(seed: int, radius: float = 14, size: int = 64) -> LabelledObjects:
    """A disk somewhere in a square frame."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(radius, size - radius, 2)
    truth = disk(x, y, radius, size)
    picture = np.where(truth[..., None], [210, 70, 50], [60, 90, 70]) + rng.normal(0, 10, (size, size, 3))
    return LabelledObjects(np.clip(picture, 0, 255).astype(np.uint8), [truth])
