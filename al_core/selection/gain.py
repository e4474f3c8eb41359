"""Gain of the selection over random frames: a share of each round is drawn at random and compared with the rest.

What a label is worth is measured without truth: by how much the delivered masks changed in the frames that are nearer
to it than to any other label of the round. The gain follows from that
(:mod:`al_core.evaluation.label_credit`). Where it is not above 1, frames are spread evenly instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from al_core.masks.rle import iou
from al_core.records import ONE_SHOT, DeliveredMask, Selected, Shots
from al_core.selection.pool import Frames, Pool
from al_core.selection.strategies.random import select_random
from al_core.settings import SelectionSettings

REASON = "control: drawn at random, to measure what the selection gains"


def n_control(n: int, share: float, rng: np.random.Generator) -> int:
    """Draw how many of ``n`` frames are chosen at random: ``n * share`` on average, as a whole number."""
    return min(int(np.floor(n * share + rng.random())), n)


def draw_control(
    pool: Pool, n: int, chosen: Sequence[Selected], settings: SelectionSettings, rng: np.random.Generator
) -> list[Selected]:
    """Draw ``n`` frames beside those that are chosen; the gap is kept, a quota only among themselves."""
    taken = Frames.from_refs([s.frame for s in chosen])
    asked = pool.labelled.and_those(taken).ordered()
    free = pool.candidates.without(taken)
    drawn = select_random(replace(pool, labelled=asked, load=lambda: free), n, settings, rng)
    return [replace(s, rank=len(chosen) + s.rank, reason=REASON, control=True) for s in drawn]


Delivered = Mapping[int, Sequence[DeliveredMask]]
"""frame -> masks; a frame without masks may be missing."""


def measure_worth(
    before: Delivered, after: Delivered, labelled: Sequence[int], n_frames: int, shots: Shots = ONE_SHOT
) -> dict[int, float]:
    """Measure what each new label of a video changed, in frames, by labelled frame.

    The change of a frame is 1 - IoU of the masks of an object before and after the labels, averaged over the objects
    that are in either. It counts for the nearest label of the frame's shot, the earlier one of two; in a shot that has
    none it counts for nothing.
    """
    worth = dict.fromkeys(labelled, 0.0)
    for shot in shots.ranges(n_frames):
        marks = np.array([i for i in sorted(worth) if i in shot], np.int64)
        for i in shot if len(marks) else ():
            worth[int(marks[np.argmin(np.abs(marks - i))])] += _change(before.get(i, ()), after.get(i, ()))
    return worth


def _change(before: Sequence[DeliveredMask], after: Sequence[DeliveredMask]) -> float:
    first, second = ({m.track_id: m.rle for m in masks} for masks in (before, after))
    tracks = first.keys() | second.keys()
    same = [float(iou([first[t]], [second[t]])[0, 0]) for t in sorted(first.keys() & second.keys())]
    return 1 - sum(same) / len(tracks) if tracks else 0.0
