"""The gate between detectors and tracks: what one says at a frame counts where the other, begun elsewhere, says it too.

A detector errs by what things look like, a track by how they move. A detection stays where boxes that were followed
from other frames arrive at it; a followed box stays where a detection lies under it. What stood still all the while
would be followed wherever it is, so that says nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from al_core.discovery.exemplars.box_overlap import Boxes, areas, overlaps
from al_core.discovery.exemplars.short_tracks import Box, Pairs, follow

AGREE = 0.5
"""Overlap (IoU) from which a detection and a followed box are the same."""

MOVED, LEAST_MOVED = 0.05, 1.0
"""What a box went from where its track began, as a share of its side and in pixels of the frame; with less a track says
nothing."""


@dataclass(frozen=True, eq=False)
class Detections:
    """What detectors found in a frame.

    Attributes:
        boxes: [n, 4]; scores: log odds, [n].
        given: drawn by a person, bool [n].
    """

    boxes: Boxes
    scores: NDArray[np.float64]
    given: NDArray[np.bool_]

    @classmethod
    def none(cls) -> "Detections":
        """Return those of a frame without any."""
        return cls(np.zeros((0, 4)), np.zeros(0), np.zeros(0, bool))


@dataclass(frozen=True, eq=False)
class Arrival:
    """A followed box.

    Attributes:
        origin: frame and number of the detection with which its track began.
        moved: whether it went so far that its overlap says something.
    """

    origin: tuple[int, int]
    box: Box
    moved: bool


@dataclass(eq=False)
class Verdict:
    """What was said of the detections of a frame.

    Attributes:
        agreement: share of the frames around, of the better side, from which a track arrives, in [0, 1], by detection.
        boxes: the middle of each detection and of what arrived at it, [n, 4].
        supporters: the detections from which tracks arrived, by detection.
        moved: whether any of them moved, bool [n].
    """

    agreement: NDArray[np.float64]
    boxes: Boxes
    moved: NDArray[np.bool_]
    supporters: list[list[tuple[int, int]]] = field(default_factory=list)


def arrivals(
    flow: Pairs,
    size: tuple[int, int],
    shot: range,
    begun: Iterable[tuple[int, int, Box]],
    looked: Sequence[int],
    reach: int,
) -> Mapping[int, Sequence[Arrival]]:
    """Follow boxes both ways, and return where they arrive in the frames that are looked at.

    Args:
        size: (height, width) of the frames.
        shot: nothing is followed beyond it.
        begun: (frame, number, box) of the detections that begin a track, in order of frames.
        reach: frames over which each is followed.
    """
    wanted, found = set(looked), defaultdict[int, list[Arrival]](list)
    for frame_idx, number, box in begun:
        side = float(np.sqrt(areas(box[None])[0]))
        centre = box[:2] + box[2:]
        after = range(frame_idx + 1, min(frame_idx + reach + 1, shot.stop))
        before = range(frame_idx - 1, max(frame_idx - reach, shot.start) - 1, -1)
        for ahead in (after, before):
            for there, at in follow(flow, size, frame_idx, box, ahead):
                if there in wanted:
                    went = float(np.linalg.norm(at[:2] + at[2:] - centre)) / 2
                    moved = went >= max(MOVED * side, LEAST_MOVED)
                    found[there].append(Arrival((frame_idx, number), at, moved))
    return found


def verdicts(
    found: Mapping[int, Detections], arrived: Mapping[int, Sequence[Arrival]], shot: range, reach: int
) -> dict[int, Verdict]:
    """Tell of every detection how far tracks that began elsewhere agree with it.

    Args:
        found: by frame that was looked at.
        arrived: by frame; see :func:`arrivals`.
    """
    said = {}
    for frame_idx, here in found.items():
        near = [t for t in found if 0 < abs(t - frame_idx) <= reach and t in shot]
        said[frame_idx] = _verdict(frame_idx, here, arrived.get(frame_idx, ()), near)
    return said


def _verdict(frame_idx: int, here: Detections, arrived: Sequence[Arrival], near: Sequence[int]) -> Verdict:
    count = len(here.boxes)
    verdict = Verdict(np.zeros(count), here.boxes.copy(), np.zeros(count, bool), [[] for _ in range(count)])
    if not count or not arrived:
        return verdict
    shared = overlaps(here.boxes, np.stack([one.box for one in arrived]))
    # Each track arrives at one detection, that which it overlaps most.
    best = shared.argmax(axis=0)
    sides = [sum(t < frame_idx for t in near), sum(t > frame_idx for t in near)]
    for k in range(count):
        at = [n for n in np.flatnonzero(best == k).tolist() if shared[k, n] >= AGREE]
        if not at:
            continue
        origins = {arrived[n].origin for n in at}
        frames = {t for t, _ in origins}
        shares = [
            sum(t < frame_idx for t in frames) / max(sides[0], 1),
            sum(t > frame_idx for t in frames) / max(sides[1], 1),
        ]
        verdict.agreement[k] = min(max(shares), 1.0)
        verdict.moved[k] = any(arrived[n].moved for n in at)
        verdict.supporters[k] = sorted(origins)
        verdict.boxes[k] = np.median(np.stack([here.boxes[k], *(arrived[n].box for n in at)]), axis=0)
    return verdict
