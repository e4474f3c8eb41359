"""Re-identification: what an object looks like, as one vector that does not depend on where it is.

Two embeddings. :func:`statistics` needs no training: histograms of colour and of local binary patterns (Ojala,
Pietikainen, Maenpaa: "Multiresolution Gray-Scale and Rotation Invariant Texture Classification with Local Binary
Patterns", PAMI 2002). :func:`encoded` pools what the affinity encoder says of the cells that a mask covers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from skimage.feature import local_binary_pattern

from al_core.footage.clips import ClipFrames
from al_core.masks.soft import Size, SoftMask

if TYPE_CHECKING:  # An encoder needs torch, statistics do not.
    from al_core.propagation.affinity.encoder import Describe

Vector = NDArray[np.float32]
"""An embedding: float32 [d] of length 1, or of zeros where a mask covers nothing."""

Looks = Callable[[SoftMask], Vector]
"""What a mask covers in one frame."""

Embed = Callable[[NDArray[np.uint8]], Looks]
"""Gives, for a frame, RGB uint8 [h, w, 3], what its masks cover; masks have the size of the frame."""

COLOUR_BINS = 64
COLOUR_BLUR = 1.5
"""Bins; so that a little more light does not make everything look different."""

TEXTURE_RADII = (1, 2)
"""Pixels from the middle of a pattern to its eight neighbours."""

LEAST_REACH = 0.05
"""For objects that look like the ground."""

_NEIGHBOURS = 8


def statistics(image: NDArray[np.uint8]) -> Looks:
    """Embed by histograms of lightness, of both colour channels (CIE Lab) and of local binary patterns, equally
    weighted.

    Square roots are taken, so that the inner product of two embeddings is the Bhattacharyya coefficient of their
    histograms.
    """
    lab = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2LAB), np.uint8)
    colours = [lab[..., channel] // (256 // COLOUR_BINS) for channel in range(3)]
    textures = [local_binary_pattern(lab[..., 0], _NEIGHBOURS, r, "uniform").astype(np.uint8) for r in TEXTURE_RADII]

    def looks(mask: SoftMask) -> Vector:
        inside = mask.values > 127
        if not inside.any():
            return np.zeros(3 * COLOUR_BINS + len(textures) * (_NEIGHBOURS + 2), np.float32)
        part = np.s_[mask.y : mask.y + inside.shape[0], mask.x : mask.x + inside.shape[1]]
        counts = [_counts(codes[part][inside], COLOUR_BINS) for codes in colours]
        counts = [gaussian_filter1d(count, COLOUR_BLUR, mode="nearest") for count in counts]
        counts += [_counts(codes[part][inside], _NEIGHBOURS + 2) for codes in textures]
        return np.sqrt(np.concatenate(counts) / (np.count_nonzero(inside) * len(counts))).astype(np.float32)

    return looks


def _counts(codes: NDArray[np.integer], n: int) -> NDArray[np.float64]:
    return np.bincount(codes, minlength=n).astype(np.float64)


def encoded(describe: "Describe") -> Embed:
    """Embed by an encoder: the mean feature under a mask, less the mean of the frame."""
    from al_core.propagation.affinity.encoder import STRIDE

    def embed(image: NDArray[np.uint8]) -> Looks:
        features = describe(image).numpy()
        features = features - features.mean(axis=(1, 2), keepdims=True)
        height, width = (n * STRIDE for n in features.shape[1:])

        def looks(mask: SoftMask) -> Vector:
            whole = np.zeros((height, width), np.float32)
            part = np.s_[mask.y : mask.y + mask.values.shape[0], mask.x : mask.x + mask.values.shape[1]]
            whole[part] = mask.values > 127
            cover = cv2.resize(whole, features.shape[:0:-1], interpolation=cv2.INTER_AREA)
            pooled = (features * cover).sum(axis=(1, 2))
            return np.asarray(pooled / max(float(np.linalg.norm(pooled)), 1e-9), np.float32)

        return looks

    return embed


def embeddings(features: Callable[[ClipFrames, Size], "Describe"] | None = None) -> Callable[[ClipFrames, Size], Embed]:
    """Choose what masks of a clip are known again by: features of an encoder where they are given, else statistics."""
    if features is None:
        return lambda frames, size: statistics
    return lambda frames, size: encoded(features(frames, size))


@dataclass(frozen=True, eq=False)
class Template:
    """What a track looks like where a person drew it: embeddings of its human masks, float32 [m, d], and the distance
    at which nothing is alike any more, that of the ground around, above 0."""

    looks: NDArray[np.float32]
    reach: float

    @classmethod
    def from_embeddings(cls, looks: Sequence[Vector], grounds: Sequence[Vector]) -> "Template":
        """Make a template from the embeddings of the human masks of a track, and of the ground in the same frames."""
        apart = [np.linalg.norm(own - ground) for own, ground in zip(looks, grounds, strict=True)]
        return cls(np.stack(looks), max(float(np.mean(apart)), LEAST_REACH))


def likeness(found: Sequence[Vector], templates: Sequence[Template | None]) -> NDArray[np.float32]:
    """Return how much masks look like tracks: 1 for the look of one of its human masks, 0 for that of the ground; what
    is None looks like nothing. float32 [found, templates]: 1 - distance to the nearest human mask / reach."""
    alike = np.zeros((len(found), len(templates)), np.float32)
    if not found:
        return alike
    vectors = np.stack(found)
    seen = vectors.any(axis=1)
    for number, template in enumerate(templates):
        if template is not None:
            nearest = (vectors @ template.looks.T).max(axis=1)
            distance = np.sqrt(np.clip(2 - 2 * nearest, 0, None))
            alike[:, number] = seen * np.clip(1 - distance / template.reach, 0, 1)
    return alike
