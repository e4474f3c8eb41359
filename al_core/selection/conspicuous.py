"""What frames look like tells where something comes: where a part of the picture changes and changes back, and where it
looks as it does at no other time.

Each part of a frame (a field of its thumbnail) is compared with the next frame, and with frames some time before and
after; only what differs from both counts, so that a change that stays (light, a camera that turns) tells little. And it
is held against the same part at other times, spread over the whole video: a place that looks as never else shows
something new, however long it stays, where what is usual comes again (a camera that stands, or that comes back). The
parts are measured in units of what is usual for them in this video, and the few that stand out most are taken. How
much this tells is learnt from the labels of the project.

The constants were chosen on composite footage of seeds below 100 (``tests/bench/selection/rare.py``).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LAGS = (1, 10, 20)
"""Frames before and after that a frame is compared with; with a lag of 1 it is motion."""

OTHER_TIMES, APART = 500, 30
"""Frames spread over the video that each frame is held against, and how far away from it these are at least."""

ALIKE = 2
"""How many of them may look like a part that is new: another visit of the same object is no habit."""

NEW_WEIGHT = 2.0
"""How much what is new counts beside what changes."""

PARTS = 3
"""How many parts of the picture count, those that stand out most."""

SMOOTHED = 9
"""Frames over which it is averaged: what comes stays for a while."""

USUAL_WEIGHT, WEIGHT_DEVIATION = 1.2, 0.6
"""How far frames with objects lie above the others, in deviations, before labels tell, and how sure that is."""

IN_VAIN = 0.5
"""Chance that something comes which does not stand out at all: no frame falls below this share of what is usual."""

_WEIGHTS = np.linspace(0, 3, 31)


def conspicuousness(parts: NDArray[np.floating]) -> Array:
    """Tell how much stands out in each frame of a video, float64 [n] with mean 0 and deviation 1; 0 where nothing does.

    Args:
        parts: colours of the parts of frames, float [n, p, c], in order of time.
    """
    values = np.asarray(parts, np.float64)
    n = len(values)
    changes = [_level(_change(values, lag)) for lag in LAGS if lag < n]
    if not changes:
        return np.zeros(n)
    cue = _standard(np.mean(changes, axis=0))
    if n >= 4 * APART:
        cue = _standard(cue + NEW_WEIGHT * _standard(_level(_new(values))))
    return cue


def chances(rate: float, cue: Array, weight: float) -> Array:
    """Return the chance of an object in each frame, float64 [n] in [0, 1].

    Frames with objects are taken to lie ``weight`` above the others on a scale on which both spread by 1, or, with a
    chance of ``IN_VAIN``, to look like the others.

    Args:
        rate: share of frames that show something, whatever they look like.
        cue: see :func:`conspicuousness`.
    """
    if rate >= 1:
        return np.ones(len(cue))
    odds = rate / (1 - rate) * _likelihood(cue, weight)
    return np.asarray(odds / (1 + odds))


def weight_of(cues: Sequence[float], seen: Sequence[bool], rates: Sequence[float]) -> float:
    """Return the weight that explains labels best, between 0 and 3; the usual one counts as well.

    Args:
        cues: of each labelled frame.
        seen: whether its label shows something.
        rates: what is expected of its video, whatever the frame looks like.
    """
    cue, there = np.asarray(cues, np.float64), np.asarray(seen, bool)
    base = np.clip(np.asarray(rates, np.float64), 1e-3, 1 - 1e-3)
    score = -(((_WEIGHTS - USUAL_WEIGHT) / WEIGHT_DEVIATION) ** 2) / 2
    for at, weight in enumerate(_WEIGHTS):
        odds = base / (1 - base) * _likelihood(cue, weight)
        score[at] += np.sum(np.where(there, np.log(odds), 0) - np.log1p(odds))
    return float(_WEIGHTS[int(np.argmax(score))])


def _likelihood(cue: Array, weight: float) -> Array:
    """Return how much likelier a frame with an object looks like this than another one, float64 [n]."""
    return np.asarray(IN_VAIN + (1 - IN_VAIN) * np.exp(weight * cue - weight**2 / 2))


def _change(values: Array, lag: int) -> Array:
    """Return how much each part differs from both frames ``lag`` away, float64 [n, p]; near an end from the one."""
    step = np.linalg.norm(values[lag:] - values[:-lag], axis=2)
    n = len(values)
    if lag == 1:
        return np.vstack([step, step[-1:]])
    before, after = np.full((n, step.shape[1]), np.inf), np.full((n, step.shape[1]), np.inf)
    before[lag:], after[:-lag] = step, step
    both = np.minimum(before, after)
    return np.where(np.isfinite(both), both, 0.0)


def _new(values: Array) -> Array:
    """Return how little each part looks like itself at other times, float64 [n, p]."""
    n, n_parts, _ = values.shape
    times = np.unique(np.linspace(0, n - 1, min(n, OTHER_TIMES)).round().astype(np.int64))
    found = np.zeros((n, n_parts))
    # So many frames at once that memory does not grow with the video.
    for block in np.array_split(np.arange(n), -(-n // OTHER_TIMES)):
        near = np.abs(block[:, None] - times) < APART
        for part in range(n_parts):
            mine, others = values[block, part], values[times, part]
            squared = (mine**2).sum(1)[:, None] + (others**2).sum(1) - 2 * mine @ others.T
            squared[near] = np.inf
            found[block, part] = np.partition(squared, ALIKE - 1, axis=1)[:, ALIKE - 1]
    return np.sqrt(np.maximum(found, 0))


def _level(change: Array) -> Array:
    return _levels(_smooth(np.log(_standing_out(change) + 1e-6)))


def _standard(values: Array) -> Array:
    """Return values with mean 0 and deviation 1; 0 where they are all the same."""
    deviation = values.std()
    return np.asarray((values - values.mean()) / deviation if deviation > 1e-9 else np.zeros(len(values)))


def _standing_out(change: Array) -> Array:
    """Return the mean of the parts that changed most, in units of what is usual, float64 [n]."""
    usual = np.median(change, axis=0)
    in_units = change / (usual + np.median(usual) + 1e-4)
    return np.asarray(np.sort(in_units, axis=1)[:, -PARTS:].mean(axis=1))


def _smooth(values: Array) -> Array:
    padded = np.pad(values, SMOOTHED // 2, mode="edge")
    return np.convolve(padded, np.full(SMOOTHED, 1 / SMOOTHED), "valid")


def _levels(values: Array) -> Array:
    """Return deviations from the median in units of the usual one, within (-3, 4)."""
    apart = values - np.median(values)
    return np.clip(apart / (1.4826 * np.median(np.abs(apart)) + 1e-6), -3, 4)
