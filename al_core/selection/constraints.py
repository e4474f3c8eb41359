"""Minimum gap and quota, kept exactly while frames are chosen one by one."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from al_core.records import Shots
from al_core.selection.pool import Frames


class Limits:
    """Which of some frames may still be chosen.

    Two frames of one video, chosen or labelled before, lie at least ``min_gap`` frames apart; a gap of 0 or
    1 only rules out the same frame twice. Frames of different shots may lie side by side. Of one video at most
    ``quota`` frames are chosen (of this round; labels of earlier rounds do not count); 0 sets no quota.

    Attributes:
        allowed: bool [n], of the n frames, in any order; updated with every :meth:`take`.
    """

    def __init__(
        self, frames: Frames, min_gap: int, quota: int, labelled: Frames, shots: Mapping[int, Shots] | None = None
    ) -> None:
        self._reach = max(min_gap, 1) - 1
        self._quota = quota
        self._video_id = frames.video_id
        self._taken: dict[int, int] = defaultdict(int)
        self._keys = frames.keys
        in_order = bool((self._keys[1:] >= self._keys[:-1]).all())
        self._order = None if in_order else np.argsort(self._keys, kind="stable")
        cuts = [(video, cut) for video, known in (shots or {}).items() for cut in known.cuts]
        self._cuts = np.sort(Frames.of([video for video, _ in cuts], [cut for _, cut in cuts]).keys)
        self._sorted = self._keys if self._order is None else self._keys[self._order]
        self.allowed = self._beyond(labelled)

    def take(self, position: int) -> None:
        """Choose one of the allowed frames; what it rules out is no longer allowed."""
        video = int(self._video_id[position])
        self._taken[video] += 1
        if self._quota and self._taken[video] >= self._quota:
            self._forbid(video << 32, (video + 1) << 32)
        else:
            low, high = self._around(self._keys[position : position + 1])
            self._forbid(int(low[0]), int(high[0]))

    def take_in_order(self, n: int) -> NDArray[np.int64]:
        """Choose the first allowed frame, then the next that is still allowed, up to ``n``; their positions."""
        chosen: list[int] = []
        position = 0
        while len(chosen) < n and position < len(self.allowed):
            position += int(np.argmax(self.allowed[position:]))
            if not self.allowed[position]:
                break
            self.take(position)
            chosen.append(position)
        return np.array(chosen, np.int64)

    def room(self, video_id: int) -> int:
        """Return how many more frames of a video the quota allows."""
        return self._quota - self._taken.get(video_id, 0) if self._quota else len(self._keys)

    def _forbid(self, low: int, high: int) -> None:
        first, last = np.searchsorted(self._sorted, (low, high))
        span = slice(first, last)
        self.allowed[span if self._order is None else self._order[span]] = False

    def _around(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the first key that each one rules out, and the first after it that it does not, both int64 [n]."""
        low, high = keys - self._reach, keys + self._reach + 1
        if not len(self._cuts):
            return low, high
        after = np.searchsorted(self._cuts, keys, side="right")
        ends = np.iinfo(np.int64)
        bounds = np.concatenate([[ends.min], self._cuts, [ends.max]])
        return np.maximum(low, bounds[after]), np.minimum(high, bounds[after + 1])

    def _beyond(self, labelled: Frames) -> NDArray[np.bool_]:
        """Tell of each frame whether no labelled one is too near, bool [n]."""
        low, high = self._around(labelled.keys)
        first, last = np.searchsorted(self._sorted, low), np.searchsorted(self._sorted, high)
        opened, closed = (np.bincount(ends, minlength=len(self._sorted) + 1) for ends in (first, last))
        free = np.cumsum(opened - closed)[:-1] == 0
        if self._order is None:
            return free
        allowed = np.empty_like(free)
        allowed[self._order] = free
        return allowed
