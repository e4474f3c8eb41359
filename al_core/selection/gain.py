"""Gain of the selection over random frames: a share of each round is drawn at random and compared with the rest.

What a label is worth is measured without truth: by how much the delivered masks changed in the frames that are nearer
to it than to any other label of the round. The gain is the worth per human second of the strategy's labels divided by
that of the random ones. Where it is not above 1, frames are spread evenly instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from al_core.evaluation.bootstrap import Array, Estimate, bootstrap_weights, estimate
from al_core.masks.rle import iou
from al_core.records import ONE_SHOT, DeliveredMask, Selected, Shots
from al_core.selection.pool import Frames, Pool
from al_core.selection.strategies.random import select_random
from al_core.settings import SelectionSettings

LEAST_CONTROL = 5
"""Fewest random labels from which a gain is reported."""

REASON = "control: drawn at random, to measure what the selection gains"


@dataclass(frozen=True, slots=True)
class Credit:
    """What one label brought for its human seconds: ``worth`` is how much the masks around it changed, in frames."""

    control: bool
    seconds: float
    worth: float


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


def live_gain(credits: Sequence[Credit], rng: np.random.Generator) -> Estimate | None:
    """Compare the worth per second of chosen labels with that of random ones: a ratio with its interval over labels.

    None while there are fewer than ``LEAST_CONTROL`` random labels, no chosen ones, or random ones changed nothing.
    """
    chosen, control = ([c for c in credits if c.control is drawn] for drawn in (False, True))
    if len(control) < LEAST_CONTROL or not chosen or not any(c.worth for c in control):
        return None
    (ours, drawn), (random, random_drawn) = (_rates(credits, rng) for credits in (chosen, control))
    return estimate(ours / random, drawn / np.maximum(random_drawn, 1e-9))


def _rates(credits: Sequence[Credit], rng: np.random.Generator) -> tuple[float, Array]:
    """Return the worth per second of some labels, and that of each draw of them, float64 [draws]."""
    worth, seconds = (np.array([getattr(c, name) for c in credits], float) for name in ("worth", "seconds"))
    weights = bootstrap_weights(len(credits), rng)
    return float(worth.sum() / max(seconds.sum(), 1e-9)), (weights @ worth) / np.maximum(weights @ seconds, 1e-9)
