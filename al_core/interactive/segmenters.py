"""Objects by the colours of a picture: the random walker with a prior, and GrabCut.

In the random walker, a pixel's probability is that of a walk that starts there and prefers steps between pixels of like
colour: it ends at what is known of the pixels on its way (Grady: "Random Walks for Image Segmentation", PAMI 2006; with
a prior for each pixel instead of seeds alone: "Multilabel Random Walker Image Segmentation Using Prior Models", CVPR
2005). It is the minimum of a quadratic energy: one sparse linear system. GrabCut is OpenCV's, with fixed random numbers
(Rother, Kolmogorov, Blake: "GrabCut", SIGGRAPH 2004).
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

EDGE_SHARPNESS = 200.0
"""How fast a step gets harder with the squared difference of colour, in CIE L*a*b* / 100."""

LEAST_EASE = 1e-4
"""No step is impossible: every pixel is reached."""

_TOLERANCE = 1e-4
_MOST_STEPS = 500

_LEAST_HALVED = 40

_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


def random_walk(
    image: NDArray[np.uint8], prior: NDArray[np.float32], trust: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the probability of each pixel, float32 [h, w] in [0, 1].

    Args:
        image: RGB uint8 [h, w, 3].
        prior: what is known, float32 [h, w] in [0, 1].
        trust: how strongly each pixel holds to its prior, float32 [h, w], above 0 somewhere; a step between pixels of
            the same colour holds with 1.
    """
    ease = _ease(image)
    held = np.asarray(ease.sum(axis=1)).reshape(-1) + trust.reshape(-1)
    system = sparse.diags(held) - ease
    begun = _begun(image, prior, trust)
    known, start = (values.reshape(-1).astype(np.float64) for values in (trust * prior, begun))
    return np.asarray(_solved(system, held, known, start).reshape(prior.shape), np.float32)


def _solved(
    system: sparse.csr_matrix, held: NDArray[np.float32], known: NDArray[np.float64], found: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what a symmetric positive system makes ``known``, float64 [n], by conjugate gradients with its diagonal
    ``held`` for preconditioner (Golub and Van Loan, Matrix Computations, 11.5).

    SciPy's takes its products from BLAS, whose threads wait for each other at every step: beside a training, ten times
    as long.
    """
    left = known - system @ found
    enough, rate_before, way = _TOLERANCE**2 * _product(known, known), 0.0, np.zeros_like(known)
    for _ in range(_MOST_STEPS):
        if _product(left, left) <= enough:
            break
        eased = left / held
        rate = _product(left, eased)
        way = eased + (rate / rate_before if rate_before else 0.0) * way
        moved, rate_before = system @ way, rate
        step = rate / _product(way, moved)
        found, left = found + step * way, left - step * moved
    return found


def _product(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the inner product of two vectors, by this thread alone."""
    return float(np.einsum("i,i->", one, other))


def _begun(image: NDArray[np.uint8], prior: NDArray[np.float32], trust: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a first guess of the probability, float32 [h, w]: that of a picture of half the size, which is soon known.
    A pixel there holds as strongly as its four together, so that steps count as much beside them."""
    h, w = prior.shape
    if min(h, w) < _LEAST_HALVED:
        return prior
    half = (w // 2, h // 2)
    small = np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), np.uint8)
    held, said = (cv2.resize(values, half, interpolation=cv2.INTER_AREA) for values in (trust, trust * prior))
    known, trusted = np.asarray(said / held, np.float32), np.asarray(4 * held, np.float32)
    return np.asarray(cv2.resize(random_walk(small, known, trusted), (w, h)), np.float32)


def _ease(image: NDArray[np.uint8]) -> sparse.csr_matrix:
    """Return how easy a step between two neighbours is, symmetric [h * w, h * w]; eight neighbours a pixel."""
    h, w = image.shape[:2]
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) / 100
    colour = cv2.GaussianBlur(lab, (0, 0), 0.6)
    number = np.arange(h * w).reshape(h, w)
    first, second, ease = [], [], []
    for down, right in _NEIGHBOURS:
        # Two slices of the picture that lie one step apart.
        here = (slice(0, -down or None), slice(max(0, -right), -right if right > 0 else None))
        there = (slice(down, None), slice(max(0, right), right if right < 0 else None))
        apart = np.square(colour[here] - colour[there]).sum(axis=-1)
        first.append(number[here].reshape(-1))
        second.append(number[there].reshape(-1))
        ease.append((np.exp(-EDGE_SHARPNESS * apart) / float(np.hypot(down, right)) + LEAST_EASE).reshape(-1))
    rows, columns = np.concatenate(first + second), np.concatenate(second + first)
    return sparse.csr_matrix((np.concatenate(ease + ease), (rows, columns)), shape=(h * w, h * w))


def grabcut(image: NDArray[np.uint8], states: NDArray[np.uint8], iterations: int) -> NDArray[np.bool_]:
    """Cut the object out by the colours of what is known, bool [h, w]; without an object or a background to learn
    colours from, what is likely stays.

    Args:
        image: RGB uint8 [h, w, 3].
        states: uint8 [h, w] of ``cv2.GC_BGD``, ``GC_FGD`` (sure), ``GC_PR_BGD`` and ``GC_PR_FGD`` (likely).
        iterations: how often colours and mask are fitted to each other, at least 1.
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
