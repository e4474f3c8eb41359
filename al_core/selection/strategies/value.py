"""The frames whose labels are worth most: the expected reduction of error over all unlabelled frames per second.

Looking worst is not the same as being worth most. A frame that is wrong alone is worth one frame; a frame in the middle
of a long stretch that is going wrong is worth the whole stretch. What is weighed here is, for every frame that might be
labelled, how much better all frames around it would become (:mod:`~al_core.selection.error_model` says how far a label
reaches), divided by what the label costs. On footage that changes evenly this is even spacing; on footage with quiet
stretches and bursts, or of videos of different difficulty, it is not.
"""

from dataclasses import replace

import numpy as np

from al_core.records import Selected
from al_core.selection.conspicuous import USUAL_WEIGHT, chances
from al_core.selection.constraints import Limits
from al_core.selection.error_model import Outlook
from al_core.selection.plan import Line, Spot, first_of, plan
from al_core.selection.pool import Frames, Pool
from al_core.selection.presence import USUAL_STAY
from al_core.selection.strategies.uniform import select_uniform
from al_core.settings import SelectionSettings

ROUNDS_AHEAD = 2
"""How many rounds ahead a human second is priced where there are several kinds of label; docs/selection.md compares
choices."""

SPARSE = 10.0
"""How many times as long as objects usually stay the stretch between two frames of the first round is, from which even
spacing alone probably misses what comes and goes: half of the frames are then those that stand out most."""

UNKNOWN_RATE = 0.5
"""Share of frames with an object that is reckoned with before there is a label."""


def select_value(pool: Pool, n: int, settings: SelectionSettings, rng: np.random.Generator) -> list[Selected]:
    """Plan the rest of the campaign (``planned_frames``), or this round, and ask for what is worth most of it.

    Where nothing is known of errors, the frames are spread evenly; where they would lie too far apart to meet what
    comes and goes, half of them are those in which something stands out.
    """
    if pool.outlooks is None:
        sparse = sum(pool.lengths.values()) > n * SPARSE * USUAL_STAY
        first = _conspicuous(pool, n // 2, settings) if sparse and pool.cues is not None else []
        return first + _spread(pool, n - len(first), first, settings, rng)
    chosen = _planned(pool, n, settings, settings.planned_frames - len(pool.labelled))
    return [Selected(s.frame, rank, s.rate, why(s, pool), s.offer.kind) for rank, s in enumerate(chosen)]


def _planned(pool: Pool, n: int, settings: SelectionSettings, ahead: int = 0) -> list[Spot]:
    """Plan ``ahead`` labels, at least ``n``, and return those that are worth most."""
    # Searching all candidates, labels and cuts for those of each video would cost what both together count to.
    free = Limits(pool.candidates, settings.min_gap, 0, pool.labelled, pool.shots).allowed
    candidates, places = pool.candidates.by_video(), pool.candidates[free].by_video()
    none = Frames.of([], [])
    lines = [_line(pool, v, len(candidates[v]), places.get(v, none), settings) for v in sorted(candidates)]
    plan(lines, max(n, ahead), ROUNDS_AHEAD * n)
    return first_of(lines, n)


def _conspicuous(pool: Pool, n: int, settings: SelectionSettings) -> list[Selected]:
    """Choose the frames in which something stands out, spread over videos and time."""
    assert pool.cues is not None
    cues = pool.cues

    def outlook(video: int) -> Outlook:
        likely = chances(UNKNOWN_RATE, cues(video), USUAL_WEIGHT)
        return Outlook(likely, np.zeros(len(likely) - 1), unseen=likely)

    spots = _planned(replace(pool, outlooks=outlook), n, settings)
    reason = "before anything is known: something stands out here that is not there some frames before and after"
    return [Selected(s.frame, rank, s.rate, reason, s.offer.kind) for rank, s in enumerate(spots)]


def _spread(
    pool: Pool, n: int, taken: list[Selected], settings: SelectionSettings, rng: np.random.Generator
) -> list[Selected]:
    """Choose evenly spaced frames beside those that are taken; a quota holds among these alone."""
    if n < 1:
        return []
    frames = Frames.from_refs([s.frame for s in taken])
    free = pool.candidates.without(frames)
    rest = replace(pool, labelled=pool.labelled.and_those(frames).ordered(), load=lambda: free)
    found = select_uniform(rest, n, settings, rng)
    return [replace(s, rank=len(taken) + s.rank) for s in found]


def _line(pool: Pool, video: int, n: int, places: Frames, settings: SelectionSettings) -> Line:
    """Return a video with the places that may be chosen, of its ``n`` candidates."""
    assert pool.outlooks is not None
    room = settings.quota_per_video or n
    return Line(video, pool.outlooks(video), places.frame_idx, pool.offers, max(settings.min_gap, 1), room)


def why(spot: Spot, pool: Pool) -> str:
    """Explain the choice in words."""
    assert pool.outlooks is not None
    outlook = pool.outlooks(spot.frame.video_id)
    error = outlook.error[spot.first : spot.last + 1]
    frames = spot.last - spot.first + 1
    if spot.frame.frame_idx in outlook.vacant:
        return (
            "the labels around say that nothing is there, and something may have come in between: frames "
            f"{spot.first} to {spot.last} ({frames} frames) are far from any label, and show something with a chance "
            f"of {error.mean():.2f}"
        )
    return (
        f"expected to improve frames {spot.first} to {spot.last} ({frames} frames, now wrong by {error.mean():.2f} on "
        f"average) by as much as {spot.gain:.1f} whole frames"
    )
