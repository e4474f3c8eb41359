"""Connected parts of what moves by itself, followed from frame to frame into objects."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.discovery.residual import pulled
from al_core.masks.rle import Rle, encode
from al_core.stores.optical_flow import Flow

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

LEAST_PART, MOST_PART = 0.002, 0.6
"""Share of the frame that a part covers; what is larger is the camera's motion, told wrongly."""

MOST_PARTS = 12
"""Of a frame, the largest."""

LEAST_OVERLAP = 0.2
"""Of a part with an object, carried there by the flow, to be the same one (IoU)."""

PATIENCE = 6
"""Frames for which an object is looked for after it was seen last."""

LEAST_FRAMES = 5
"""Frames in which an object is seen; in shorter stretches, all but one."""

LEAST_CONFIDENCE = 0.35
"""Below it an object is not told."""

_CLOSED = 2


@dataclass(frozen=True, eq=False)
class Sighting:
    """An object in a frame.

    Attributes:
        mask: at the size that the flow has.
        sure: mean of how likely its pixels move by themselves, in [0, 1].
        overlap: with where the flow carried it from its last sighting (IoU); None for the first one.
    """

    frame_idx: int
    mask: Rle
    sure: float
    overlap: float | None


@dataclass(eq=False)
class MovingObject:
    """What was seen of an object, in order of frames, and where it was last."""

    seen: list[Sighting] = field(default_factory=list)
    last: Map = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    @property
    def confidence(self) -> float:
        """How far it can be trusted, in [0, 1]: what moves for certain, and in the same place as it did before."""
        overlaps = [s.overlap for s in self.seen if s.overlap is not None]
        steady = float(np.mean(overlaps)) if overlaps else 0.0
        return float(np.sqrt(np.mean([s.sure for s in self.seen]) * steady))


class Follower:
    """Follows objects through one stretch of frames; only their masks of the last frame are kept as pictures."""

    def __init__(self) -> None:
        self._objects: list[MovingObject] = []
        self._frames = 0

    def add(self, frame_idx: int, chance: Map, back: Flow | None) -> None:
        """Take the next frame.

        Args:
            chance: how likely a pixel belongs to something that moves by itself, float32 [h, w] in [0, 1].
            back: flow from this frame to the one before; None for the first.
        """
        self._frames += 1
        alive = [o for o in self._objects if frame_idx - o.seen[-1].frame_idx <= PATIENCE]
        for known in alive:
            known.last = known.last if back is None else pulled(known.last, back)
        parts = parts_of(chance)
        free = dict(enumerate(parts))
        pairs = sorted(
            ((_iou(known.last > 0.5, part), n, k) for n, known in enumerate(alive) for k, part in free.items()),
            reverse=True,
        )
        followed: set[int] = set()
        for overlap, n, k in pairs:
            if overlap >= LEAST_OVERLAP and n not in followed and k in free:
                followed.add(n)
                self._see(alive[n], frame_idx, free.pop(k), chance, overlap)
        for part in free.values():
            self._objects.append(MovingObject())
            self._see(self._objects[-1], frame_idx, part, chance, None)

    def found(self) -> list[MovingObject]:
        """Return the objects that were seen often enough and for certain, the first seen first."""
        least = min(LEAST_FRAMES, max(self._frames - 1, 1))
        return [o for o in self._objects if len(o.seen) >= least and o.confidence >= LEAST_CONFIDENCE]

    @staticmethod
    def _see(known: MovingObject, frame_idx: int, part: Mask, chance: Map, overlap: float | None) -> None:
        known.last = part.astype(np.float32)
        known.seen.append(Sighting(frame_idx, encode(part), float(chance[part].mean()), overlap))


def parts_of(chance: Map) -> list[Mask]:
    """Return the connected parts that are likelier than not, bool [h, w] each, the largest first; without holes."""
    likely = (chance > 0.5).astype(np.uint8)
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _CLOSED + 1,) * 2)
    solid = cv2.morphologyEx(likely, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    joined = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, around)
    outlines, _ = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    parts = []
    for outline in outlines:
        part = np.zeros(chance.shape, np.uint8)
        cv2.drawContours(part, [outline], -1, 1, cv2.FILLED)
        if LEAST_PART <= part.mean() <= MOST_PART:
            parts.append(part.astype(bool))
    return sorted(parts, key=lambda part: -int(part.sum()))[:MOST_PARTS]


def by_frame(objects: Iterable[MovingObject], first_track: int) -> Mapping[int, Sequence[tuple[int, float, Rle]]]:
    """Return (track, confidence, mask) of the objects by frame; tracks count from ``first_track``."""
    found: defaultdict[int, list[tuple[int, float, Rle]]] = defaultdict(list)
    for track, known in enumerate(objects, start=first_track):
        for sighting in known.seen:
            found[sighting.frame_idx].append((track, known.confidence, sighting.mask))
    return found


def stretches(shot: range, length: int) -> Iterator[range]:
    """Yield consecutive parts of a shot of at most so many frames, about equally long."""
    count = -(-len(shot) // length)
    edges = np.linspace(shot.start, shot.stop, count + 1).round().astype(int).tolist()
    yield from (range(a, b) for a, b in pairwise(edges))


def _iou(first: Mask, second: Mask) -> float:
    both = np.count_nonzero(first & second)
    return both / max(np.count_nonzero(first) + np.count_nonzero(second) - both, 1)
