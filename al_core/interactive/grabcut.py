"""OpenCV's GrabCut with fixed random numbers (Rother, Kolmogorov, Blake: "GrabCut", SIGGRAPH 2004)."""

import cv2
import numpy as np
from numpy.typing import NDArray


def grabcut(image: NDArray[np.uint8], states: NDArray[np.uint8], iterations: int) -> NDArray[np.bool_]:
    """The object by the colours of what is known, bool [h, w].

    Args:
        image: RGB uint8 [h, w, 3].
        states: uint8 [h, w] of ``cv2.GC_BGD``, ``GC_FGD`` (sure), ``GC_PR_BGD`` and ``GC_PR_FGD`` (likely).
        iterations: how often colours and mask are fitted to each other, at least 1.

    Returns:
        What is likely as it is where there is no object or no background to learn colours from.
    """
    inside = _inside(states)
    if inside.all() or not inside.any():
        return inside
    # Its colour models start from k-means, which draws from the generator of this thread.
    cv2.setRNGSeed(0)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    no_box = (0, 0, 1, 1)
    found, _, _ = cv2.grabCut(bgr, states.copy(), no_box, background, foreground, iterations, cv2.GC_INIT_WITH_MASK)
    return _inside(np.asarray(found, np.uint8))


def _inside(states: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((states == cv2.GC_FGD) | (states == cv2.GC_PR_FGD), bool)
