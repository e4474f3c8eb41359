"""A figure of two disks that is labelled: a body and a head."""

import numpy as np

from tests.toys.masks import disk

BODY, HEAD = disk(30, 40, 16), disk(30, 18, 7)
TRUTH = BODY | HEAD
IMAGE = np.where(TRUTH[..., None], np.uint8([200, 60, 40]), np.uint8([60, 90, 70]))


def soft(mask):
    """Return a mask as probabilities, float32 of 0 and 1."""
    return mask.astype(np.float32)
