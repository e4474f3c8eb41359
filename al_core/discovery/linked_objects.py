"""Objects of the classes of pixels, frame by frame, with numbers that stay while they overlap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.discovery.discoverer import FoundObject
from al_core.masks.matching import matched
from al_core.masks.soft import SoftMask

Mask = NDArray[np.bool_]

LEAST_SHARE = 2e-4
"""Of a frame; smaller regions are left out."""

LEAST_SCORE = 0.5
"""Mean probability of a region's class in it."""

MOST = 200
"""Objects of a frame that are kept, the most certain."""

SAME = 0.3
"""Overlap (IoU) with an object of the frame before from which it is that one."""


@dataclass(frozen=True, eq=False)
class _Seen:
    """A region, and which object it is: its number, and whether people gave it."""

    mask: Mask
    category: int
    score: float
    who: tuple[int, bool] | None = None


@dataclass
class Links:
    """Numbers objects from frame to frame of a shot.

    Attributes:
        last: the highest number that was given to what nobody drew.
        before: the objects of the frame before.
    """

    last: int = 0
    before: list[_Seen] = field(default_factory=list)

    def cut(self) -> None:
        """Begin a shot: nothing in it is what was seen before."""
        self.before = []

    def add(
        self, probabilities: NDArray[np.float32], categories: Sequence[int], stroked: Mapping[int, Mask]
    ) -> tuple[FoundObject, ...]:
        """Return the objects of the next frame, the most certain first.

        Args:
            probabilities: float32 [1 + categories, h, w], the background first.
            categories: of the other classes.
            stroked: pixels of the strokes through objects that people know, by number; a region with strokes through
                several of them is parted between these.
        """
        regions = [part for one in regions_of(probabilities, categories) for part in parted(one, stroked)]
        given = {seen.who for seen in regions if seen.who}
        loose = [n for n, seen in enumerate(regions) if seen.who is None]
        free = [seen for seen in self.before if seen.who not in given]
        overlaps = np.array([[_overlap(regions[n], old) for old in free] for n in loose]).reshape(len(loose), len(free))
        whose = {loose[i]: free[j].who for i, j in matched(overlaps, SAME)}
        self.before = []
        for n, seen in enumerate(regions):
            who = seen.who or whose.get(n)
            if who is None:
                self.last += 1
                who = (self.last, False)
            self.before.append(_Seen(seen.mask, seen.category, seen.score, who))
        found = [
            FoundObject(seen.who[0], seen.score, SoftMask.of(seen.mask), seen.category, seen.who[1])
            for seen in self.before
            if seen.who is not None
        ]
        return tuple(sorted(found, key=lambda one: -one.confidence))


def regions_of(probabilities: NDArray[np.float32], categories: Sequence[int]) -> list[_Seen]:
    """Return the connected regions of each category, the surest first."""
    likeliest, found = probabilities.argmax(axis=0), []
    least = max(LEAST_SHARE * likeliest.size, 4)
    for number, category in enumerate(categories, start=1):
        count, parts, statistics, _ = cv2.connectedComponentsWithStats((likeliest == number).astype(np.uint8))
        for part in range(1, count):
            if statistics[part, cv2.CC_STAT_AREA] < least:
                continue
            mask = np.asarray(parts == part)
            score = float(probabilities[number][mask].mean())
            if score >= LEAST_SCORE:
                found.append(_Seen(mask, category, score))
    return sorted(found, key=lambda seen: -seen.score)[:MOST]


def parted(seen: _Seen, stroked: Mapping[int, Mask]) -> list[_Seen]:
    """Return a region as the objects whose strokes lie in it, each pixel to the nearest; as it is without any."""
    inside = {track: line & seen.mask for track, line in stroked.items()}
    tracks = [track for track, line in inside.items() if line.any()]
    if not tracks:
        return [seen]
    far = [cv2.distanceTransform((~inside[track]).astype(np.uint8), cv2.DIST_L2, 5) for track in tracks]
    nearest = np.stack(far).argmin(axis=0)
    return [
        _Seen(seen.mask & (nearest == n), seen.category, seen.score, (track, True)) for n, track in enumerate(tracks)
    ]


def _overlap(one: _Seen, other: _Seen) -> float:
    if one.category != other.category:
        return 0.0
    either = int((one.mask | other.mask).sum())
    return int((one.mask & other.mask).sum()) / either if either else 0.0
