"""The frames whose labels are worth most: the expected reduction of error over all unlabelled frames per second.

Looking worst is not the same as being worth most. A frame that is wrong alone is worth one frame; a frame in the middle
of a long stretch that is going wrong is worth the whole stretch. What is weighed here is, for every frame that might be
labelled, how much better all frames around it would become (:mod:`~al_core.selection.error_model` says how far a label
reaches), divided by what the label costs. On footage that changes evenly this is even spacing; on footage with quiet
stretches and bursts, or of videos of different difficulty, it is not.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil

import numpy as np

from al_core.records import Selected
from al_core.selection.conspicuous import USUAL_WEIGHT, chances
from al_core.selection.constraints import Limits
from al_core.selection.error_model import Array, Outlook
from al_core.selection.plan import LEAST_EXPECTED, Line, Spot, first_of, plan
from al_core.selection.pool import Frames, Pool
from al_core.selection.presence import USUAL_STAY, unlooked_in
from al_core.selection.strategies.uniform import select_uniform
from al_core.settings import SelectionSettings

ROUNDS_AHEAD = 2
"""How many rounds ahead a human second is priced where there are several kinds of label; docs/selection.md compares
choices."""

SPARSE = 10.0
"""How many times as long as objects usually stay the stretch between two frames of the first round is, from which even
spacing alone probably misses what comes and goes: half of the frames are then those that stand out most."""

BY_LOOK, EVENLY = 0.45, 0.45
"""Shares of a round that are asked for because something may be there that nobody saw: by what frames look like, and
evenly, since looks can mislead."""

LOOKS = 3.0
"""Looks in a round, at most, for each stay of an object that probably nobody saw."""

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
    sought = _sought(pool, n, settings)
    ahead = settings.planned_frames - len(pool.labelled) - len(sought)
    planned = _planned(pool, n - len(sought), settings, ahead, sought)
    reasons = [*(why_sought(spot, pool) for spot in sought), *(why(spot, pool) for spot in planned)]
    return [
        Selected(spot.frame, rank, spot.rate, reason, spot.offer.kind)
        for rank, (spot, reason) in enumerate(zip([*sought, *planned], reasons, strict=True))
    ]


def _planned(pool: Pool, n: int, settings: SelectionSettings, ahead: int = 0, taken: Sequence[Spot] = ()) -> list[Spot]:
    """Plan ``ahead`` labels, at least ``n``, beside those that are taken, and return those that are worth most."""
    if n < 1:
        return []
    rest, used = _beside(pool, taken), Counter(spot.frame.video_id for spot in taken)
    lines = [line for v in sorted(pool.lengths) if (line := _line(rest, v, settings, used[v])) is not None]
    plan(lines, max(n, ahead), ROUNDS_AHEAD * n)
    return first_of(lines, n)


def _sought(pool: Pool, n: int, settings: SelectionSettings) -> list[Spot]:
    """Choose frames in which something may be that nobody saw, by what they look like and evenly, spread over videos.

    A plan alone asks for the frames around an object that it has found until these are right, and last of all for those
    of a video whose frames look unlike what comes.
    """
    known = pool.outlooks
    assert known is not None
    outlooks = {video: known(video) for video in sorted(pool.lengths)}
    unknown = {v: o.unknown for v, o in outlooks.items() if o.unknown is not None and o.unknown.any()}
    if not unknown:
        return []
    stays = {video: min(outlooks[video].stay, USUAL_STAY) for video in unknown}
    room = ceil(LOOKS * sum(chance.sum() / stays[video] for video, chance in unknown.items()))
    away = {v: unlooked_in(len(chance), outlooks[v].labelled, stays[v]) for v, chance in unknown.items()}
    # What was seen in a video says little of what else comes: all videos are taken to be alike.
    by_look = {video: chance * away[video].sum() / chance.sum() for video, chance in unknown.items()}
    first = _planned(_only(pool, by_look), min(round(n * BY_LOOK), room), settings)
    return first + _planned(_only(pool, away), min(round(n * EVENLY), room - len(first)), settings, taken=first)


def _only(pool: Pool, unseen: Mapping[int, Array]) -> Pool:
    """Return some videos of a pool as if nothing were wrong but what nobody saw, with the chance of that."""
    known = pool.outlooks
    assert known is not None
    lengths = {video: pool.lengths[video] for video in unseen}

    def outlook(video: int) -> Outlook:
        mine = known(video)
        return replace(mine, error=unseen[video], unseen=unseen[video], stay=min(mine.stay, USUAL_STAY))

    return replace(pool, lengths=lengths, outlooks=outlook)


def _beside(pool: Pool, taken: Sequence[Spot]) -> Pool:
    """Return the pool as if frames in which nobody saw anything had been looked at."""
    if not taken:
        return pool
    known = pool.outlooks
    assert known is not None
    frames = Frames.from_refs([spot.frame for spot in taken])
    free = pool.candidates.without(frames)

    def outlook(video: int) -> Outlook:
        mine = known(video)
        looks = mine.labelled | {spot.frame.frame_idx for spot in taken if spot.frame.video_id == video}
        before, after = (unlooked_in(len(mine.error), marks, mine.stay) for marks in (mine.labelled, looks))
        unseen = np.zeros(len(before)) if mine.unseen is None else mine.unseen
        left = unseen * after / np.maximum(before, LEAST_EXPECTED)
        return replace(mine, error=mine.error - unseen + left, unseen=left, labelled=looks)

    labelled = pool.labelled.and_those(frames).ordered()
    return replace(pool, labelled=labelled, load=lambda: free, outlooks=outlook)


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


def _line(pool: Pool, video: int, settings: SelectionSettings, used: int) -> Line | None:
    """Return a video with the places that may be chosen; None where there is none, or the quota is used up."""
    assert pool.outlooks is not None
    mine = pool.candidates[pool.candidates.video_id == video]
    room = (settings.quota_per_video or used + len(mine)) - used
    if not len(mine) or room < 1:
        return None
    free = Limits(mine, settings.min_gap, 0, pool.labelled, pool.shots).allowed
    return Line(video, pool.outlooks(video), mine.frame_idx[free], pool.offers, max(settings.min_gap, 1), room)


def why_sought(spot: Spot, pool: Pool) -> str:
    """Explain in words why something is sought in a frame."""
    assert pool.outlooks is not None
    outlook = pool.outlooks(spot.frame.video_id)
    if spot.frame.frame_idx in outlook.vacant or outlook.unknown is None:
        return why(spot, pool)
    chance = outlook.unknown[spot.first : spot.last + 1].mean()
    return (
        f"objects come and go, and something may have come that nobody saw: frames {spot.first} to {spot.last} "
        f"({spot.last - spot.first + 1} frames) are far from any label, and show something unknown with a chance of "
        f"{chance:.2f}"
    )


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
