"""Frames whose patches of colour find no way to a labelled frame and back.

Two frames are alike where the patches of one find their way to the other and back. Every patch of the first is
matched softly to those of the second, and these back; what does not come home has nothing to match with. The frame is
chosen that is least like its most similar labelled frame, again and again. A comparison only. It is not the selector of
XMem++ (Bekuzarov et al., "XMem++: Production-level Video Segmentation From Few Annotated Frames", ICCV 2023), which
weighs the key features of its network by the masks and compares both directions pixel by pixel.
"""

import numpy as np
from numpy.typing import NDArray

from al_core.records import Selected
from al_core.selection.constraints import Limits
from al_core.selection.pool import Pool
from al_core.selection.strategies.uniform import select_uniform
from al_core.settings import SelectionSettings

SHARPNESS = 30.0
"""Of the soft matching: similarities (cosines) are multiplied by it."""

MOST_COMPARED = 1000
"""Of more candidates than this every second (third ...) one is compared."""


def select_patch_cycles(pool: Pool, n: int, settings: SelectionSettings, rng: np.random.Generator) -> list[Selected]:
    """Choose one by one the frame whose least dissimilarity to the labelled and chosen ones is greatest.

    Without any label the first frames are spread evenly. Frames of different videos are never compared: a video
    without a label comes first, with its middle frame.
    """
    if not len(pool.labelled):
        return select_uniform(pool, n, settings, rng)
    frames = pool.candidates[:: max(-(-len(pool.candidates) // MOST_COMPARED), 1)]
    limits = Limits(frames, settings.min_gap, settings.quota_per_video, pool.labelled, pool.shots)
    if not limits.allowed.any():
        return []
    patches, known = pool.patches_of(frames), pool.patches_of(pool.labelled)
    least = np.full(len(frames), np.inf)
    for position in range(len(frames)):
        for other in np.flatnonzero(pool.labelled.video_id == frames.video_id[position]):
            least[position] = min(least[position], dissimilarity(known[other], patches[position]))
    for video, length in pool.lengths.items():
        mine = (frames.video_id == video) & np.isinf(least)
        # Larger than any dissimilarity, and largest in the middle.
        least[mine] = 2 + length - np.abs(frames.frame_idx[mine] - length / 2)
    chosen: list[Selected] = []
    while len(chosen) < n and limits.allowed.any():
        position = int(np.argmax(np.where(limits.allowed, least, -np.inf)))
        limits.take(position)
        score = float(least[position])
        reason = f"its patches do not find their way to any labelled frame and back (dissimilarity {score:.2f})"
        chosen.append(Selected(frames.ref(position), len(chosen), score, reason))
        for other in np.flatnonzero(frames.video_id == frames.video_id[position]):
            least[other] = min(least[other], dissimilarity(patches[position], patches[other]))
    return chosen


PICTURE = (48, 27)
"""(width, height) of the picture that is cut into patches."""

PATCH = 3
"""Pixels along the side of a patch."""


def patches_of(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Cut a small picture into patches, float32 [p, d], each of length 1.

    Args:
        picture: RGB uint8 [27, 48, 3].
    """
    rows, columns = picture.shape[0] // PATCH, picture.shape[1] // PATCH
    whole = picture[: rows * PATCH, : columns * PATCH].astype(np.float32) - np.float32(127.5)
    parts = whole.reshape(rows, PATCH, columns, PATCH, 3).transpose(0, 2, 1, 3, 4).reshape(rows * columns, -1)
    length = np.linalg.norm(parts, axis=1, keepdims=True)
    return np.asarray(parts / np.maximum(length, np.float32(1e-6)), np.float32)


def dissimilarity(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Measure how much of the patches of one frame finds no way to another and back, in [0, 1].

    Args:
        first, second: patches of one frame each, float32 [p, d], each of length 1.
    """
    similarity = SHARPNESS * (first @ second.T)
    there = np.exp(similarity - similarity.max(axis=1, keepdims=True))
    back = np.exp(similarity - similarity.max(axis=0, keepdims=True))
    there /= there.sum(axis=1, keepdims=True)
    back /= back.sum(axis=0, keepdims=True)
    return float(1 - (there * back).sum(axis=1).mean())
