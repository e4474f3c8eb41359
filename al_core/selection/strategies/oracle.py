"""The ceiling: frames whose labels really improve most. Only a simulation can say which."""

from heapq import heapify, heappop, heappush
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadSettings
from al_core.records import FrameRef, Selected
from al_core.selection.constraints import Limits
from al_core.selection.pool import Pool
from al_core.settings import SelectionSettings

MOST_TRIED = 10
"""Evenly spaced candidates of each stretch between two labels that are tried."""


def select_oracle(pool: Pool, n: int, settings: SelectionSettings, rng: np.random.Generator) -> list[Selected]:
    """Choose one by one the frame whose label, with those chosen before, improves all frames most.

    Greedy in the truth is not the best set: over a whole campaign even spacing can beat it within one short clip.

    Raises:
        BadSettings: this is no simulation in memory.
    """
    if pool.true_gain is None:
        raise BadSettings("the strategy 'oracle' knows the truth: it can only be used by `fewframes bench`")
    frames = pool.candidates
    limits = Limits(frames, settings.min_gap, settings.quota_per_video, pool.labelled, pool.shots)
    chosen: list[Selected] = []
    taken: dict[int, list[FrameRef]] = {video: [] for video in pool.lengths}
    # A gain is worked out again when its turn comes and the video has changed: it seldom grows by another label.
    heap = [(-pool.true_gain(frames.ref(p), ()), p, 0) for p in _tried(pool, limits)]
    heapify(heap)
    while len(chosen) < n and heap:
        gain, position, known = heappop(heap)
        if not limits.allowed[position]:
            continue
        ref = frames.ref(position)
        others = taken[ref.video_id]
        if known < len(others):
            heappush(heap, (-pool.true_gain(ref, others), position, len(others)))
            continue
        limits.take(position)
        others.append(ref)
        reason = f"improves the video by {-gain:.2f} whole frames, by the truth"
        chosen.append(Selected(ref, len(chosen), -gain, reason))
    return chosen


def _tried(pool: Pool, limits: Limits) -> NDArray[np.int64]:
    """Return positions of candidates, evenly spaced in each stretch between two labels."""
    found = []
    for video in sorted(pool.lengths):
        mine = np.flatnonzero((pool.candidates.video_id == video) & limits.allowed)
        marks = [-1, *pool.labelled.frame_idx[pool.labelled.video_id == video].tolist(), pool.lengths[video]]
        for start, end in pairwise(sorted(marks)):
            at = pool.candidates.frame_idx[mine]
            part = mine[(at > start) & (at < end)]
            spread = np.linspace(0, len(part) - 1, min(len(part), MOST_TRIED) + 2)[1:-1].round().astype(int)
            found.append(part[np.unique(spread)] if len(part) > 2 else part)
    return np.concatenate(found) if found else np.zeros(0, np.int64)
