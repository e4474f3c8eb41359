"""The frames whose labels are worth most: the expected reduction of error over all unlabelled frames per second.

Looking worst is not the same as being worth most. A frame that is wrong alone is worth one frame; a frame in the middle
of a long stretch that is going wrong is worth the whole stretch. What is weighed here is, for every frame that might be
labelled, how much better all frames around it would become (:mod:`~al_core.selection.error_model` says how far a label
reaches), divided by what the label costs. On footage that changes evenly this is even spacing; on footage with quiet
stretches and bursts, or of videos of different difficulty, it is not.
"""

import numpy as np

from al_core.records import Selected
from al_core.selection.constraints import Limits
from al_core.selection.plan import Line, Spot, first_of, plan
from al_core.selection.pool import Pool
from al_core.selection.strategies.uniform import select_uniform
from al_core.settings import SelectionSettings

ROUNDS_AHEAD = 2
"""How many rounds ahead a human second is priced where there are several kinds of label; docs/selection.md compares
choices."""


def select_value(pool: Pool, n: int, settings: SelectionSettings, rng: np.random.Generator) -> list[Selected]:
    """Plan the rest of the campaign (``planned_frames``), or this round, and ask for what is worth most of it.

    Where nothing is known of errors, the frames are spread evenly.
    """
    if pool.outlooks is None:
        return select_uniform(pool, n, settings, rng)
    lines = [line for video in sorted(pool.lengths) if (line := _line(pool, video, settings)) is not None]
    plan(lines, max(n, settings.planned_frames - len(pool.labelled)), ROUNDS_AHEAD * n)
    chosen = first_of(lines, n)
    return [Selected(s.frame, rank, s.rate, why(s, pool), s.offer.kind) for rank, s in enumerate(chosen)]


def _line(pool: Pool, video: int, settings: SelectionSettings) -> Line | None:
    assert pool.outlooks is not None
    mine = pool.candidates[pool.candidates.video_id == video]
    if not len(mine):
        return None
    free = Limits(mine, settings.min_gap, 0, pool.labelled, pool.shots).allowed
    room = settings.quota_per_video or len(mine)
    return Line(video, pool.outlooks(video), mine.frame_idx[free], pool.offers, max(settings.min_gap, 1), room)


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
