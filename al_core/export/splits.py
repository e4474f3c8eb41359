"""Splits of a project by video, and frames that are almost the same on both sides of a split.

Frames of one video resemble each other, so a video is in one split only. Two videos may still show the same: a clip
that was cut in two, or the same clip in two encodings. A model that is tested on such frames has seen them (leakage).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadSettings

NEAR = 0.02
"""Root mean square difference of thumbnails (CIE L*a*b* / 100) below which two frames show the same. Of six DAVIS
clips, frames at half the size and JPEG quality 60 lay at most 0.005 from themselves, two clips at least 0.10 apart."""

MOST_FRAMES = 600
"""A longer video is sampled evenly at this number of frames."""


@dataclass(frozen=True, slots=True)
class Leak:
    """The two most similar frames of two videos in different splits."""

    first: str
    first_frame: int
    second: str
    second_frame: int
    distance: float


def parse_shares(text: str) -> dict[str, float]:
    """Parse ``train=0.8,val=0.2`` as name -> share.

    Raises:
        BadSettings: another form, a name twice, or shares that do not add up to 1.
    """
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.strip().partition("=")
        try:
            value = float(share)
        except ValueError:
            value = -1.0
        if not name.isidentifier() or name in shares or not 0 < value <= 1:
            raise BadSettings(f"splits are given as train=0.8,val=0.2, each name once; got {text!r}")
        shares[name] = value
    if not np.isclose(sum(shares.values()), 1):
        raise BadSettings(f"the shares of {text!r} add up to {sum(shares.values()):g}; they must add up to 1")
    return shares


def split_videos(
    lengths: Mapping[str, int], shares: Mapping[str, float], rng: np.random.Generator
) -> dict[str, list[str]]:
    """Give each video to one split, so that the splits have their shares of the frames as far as whole videos allow.

    Args:
        lengths: frames of each video.

    Raises:
        BadSettings: fewer videos than splits.
    """
    if len(lengths) < len(shares):
        raise BadSettings(f"{len(shares)} splits need at least as many videos, the project has {len(lengths)}")
    names = sorted(lengths)
    order = [names[i] for i in rng.permutation(len(names))]
    # The longest first, drawn at random among equals: what comes last is small and fills the gaps.
    order.sort(key=lambda name: -lengths[name])
    total = sum(lengths.values())
    missing = {split: share * total for split, share in shares.items()}
    found: dict[str, list[str]] = {split: [] for split in shares}
    for left, name in zip(range(len(order), 0, -1), order, strict=True):
        empty = [split for split in shares if not found[split]]
        candidates = empty if len(empty) == left else list(shares)
        chosen = max(candidates, key=lambda split: missing[split])
        found[chosen].append(name)
        missing[chosen] -= lengths[name]
    return {split: sorted(videos) for split, videos in found.items()}


def sampled(n_frames: int) -> NDArray[np.int64]:
    """Return the frames of a video that are compared."""
    return np.unique(np.linspace(0, n_frames - 1, min(n_frames, MOST_FRAMES)).round().astype(np.int64))


def leaks(
    splits: Mapping[str, list[str]], thumbnails: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float32]]]
) -> list[Leak]:
    """Find videos of different splits that show the same, with the most similar pair of frames of each.

    Args:
        thumbnails: by video, frame numbers [n] and their thumbnails, float32 [n, k].
    """
    split_of = {video: split for split, videos in splits.items() for video in videos}
    names = sorted(split_of)
    found = [
        leak
        for at, first in enumerate(names)
        for second in names[at + 1 :]
        if split_of[first] != split_of[second]
        and (leak := _nearest(first, thumbnails[first], second, thumbnails[second])).distance < NEAR
    ]
    return sorted(found, key=lambda leak: leak.distance)


def _nearest(
    first: str,
    one: tuple[NDArray[np.int64], NDArray[np.float32]],
    second: str,
    other: tuple[NDArray[np.int64], NDArray[np.float32]],
) -> Leak:
    a, b = one[1].astype(np.float64), other[1].astype(np.float64)
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    row, column = np.unravel_index(int(squared.argmin()), squared.shape)
    # Computed again: the difference of large squares is not exact near 0.
    distance = float(np.sqrt(((a[row] - b[column]) ** 2).mean()))
    return Leak(first, int(one[0][row]), second, int(other[0][column]), distance)
