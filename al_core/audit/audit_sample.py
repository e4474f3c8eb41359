"""Drawing what people audit: stratified over videos and provenances, each mask with the same, known probability.

Each stratum gets its share of the sample, rounded down; what is left is rounded by the pivotal method (Deville, Tillé:
"Unequal probability sampling without replacement through a splitting method", Biometrika 1998) over the strata in
order, so that neighbours share; within a stratum the sample is simple random. So every mask is drawn with probability
n/N exactly, also where strata are smaller than one draw.

Such a design is strongly Rayleigh (Brändén, Jonasson: "Negative dependence in sampling", Scandinavian Journal of
Statistics 2012; the elementary symmetric polynomials of the strata put into that of the pivotal rounding leave it
stable): how many of any fixed set of masks are drawn is a sum of independent yes-or-no draws. ``failure_tail`` rests on
that. Confidence has no part in it.

Within a stratum those are drawn whose lots are lowest: numbers that follow from the seed and from what a mask is called
(video, frame, track), and stay with it from delivery to delivery (permanent random numbers: Ohlsson, "Coordination of
samples using permanent random numbers", Business Survey Methods 1995). Each sample is as random as any, and the first
draw from a delivery has as much in common as can be with that from the delivery before, so that few answers are needed
where few masks changed. Further draws have numbers of their own.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from al_core.audit.audit_records import WHOLE_FRAME, AuditSample, AuditUnit, Grade, Population, Stratum
from al_core.errors import BadAudit
from al_core.records import FrameRef

JUDGED, BLIND, FRAMES = 60, 8, 20
"""Masks to judge, masks to draw from nothing and frames to look through, of a delivery."""

NO_STRATUM = ""
"""Stands for the provenance where whole frames are drawn."""


def draw_sample(
    population: Population,
    *,
    seed: int,
    judged: int = JUDGED,
    blind: int = BLIND,
    frames: int = FRAMES,
    iou: float = 0.75,
    draw: int = 1,
) -> AuditSample:
    """Draw an audit sample from what a round delivered; the same arguments draw the same.

    Masks to judge and blind ones are drawn independently of each other. Each blind mask makes a pair too: it is also
    judged, after it was drawn, to measure the judge.

    Args:
        judged, blind, frames: how many at most; a delivery of fewer is drawn whole.
        iou: from which a mask is good enough.
        draw: number of the draw among those of this delivery, from 1.

    Raises:
        BadAudit: numbers below 0, or nothing to draw from.
    """
    if min(judged, blind, frames) < 0 or draw < 1:
        raise BadAudit(f"an audit draws 0 or more of each kind, got {judged} judged, {blind} blind, {frames} frames")
    if not len(population) and not population.n_frames:
        raise BadAudit(f"round {population.round_id} delivered nothing that an audit could look at")
    # Further draws are asked for because of what is known: they share nothing with those of other deliveries.
    named = [seed, draw] if draw == 1 else [seed, draw, population.round_id]
    rng = np.random.default_rng(named)
    provenances, numbers = np.unique(population.provenance, return_inverse=True)
    strata, code = np.unique(population.video_id * max(len(provenances), 1) + numbers, return_inverse=True)
    videos, at = np.unique(population.frame_video, return_inverse=True)
    masks = (population.video_id, population.frame_idx, population.track_id)
    numbered = enumerate(((Grade.JUDGED, judged), (Grade.MEASURED, blind)))
    rows = {grade: stratified(code, n, rng, lots([*named, kind], *masks)) for kind, (grade, n) in numbered}
    of_frames = lots([*named, len(rows)], population.frame_video, population.frame_number)
    looked_at = stratified(at, frames, rng, of_frames)
    units = _units(population, rows, looked_at)
    told = [
        Stratum(
            int(stratum) // len(provenances),
            str(provenances[int(stratum) % len(provenances)]),
            *_counts(code == number, rows),
        )
        for number, stratum in enumerate(strata)
    ]
    told += [
        Stratum(int(video), NO_STRATUM, int((at == n).sum()), int((at[looked_at] == n).sum()), 0)
        for n, video in enumerate(videos)
    ]
    asked = (judged, blind, frames)
    digest = population.digest
    return AuditSample(population.round_id, draw, seed, iou, asked, digest, tuple(told), tuple(units))


def _units(
    population: Population, rows: dict[Grade, NDArray[np.int64]], looked_at: NDArray[np.int64]
) -> list[AuditUnit]:
    """Return drawn masks and frames, and of blind masks the pair, unless they were drawn to be judged anyway."""
    judged, blind = rows[Grade.JUDGED], rows[Grade.MEASURED]
    units = [_mask(population, row, Grade.MEASURED, len(blind)) for row in blind]
    units += [_mask(population, row, Grade.JUDGED, len(judged)) for row in judged]
    both = set(judged.tolist())
    units += [_mask(population, row, Grade.JUDGED, len(blind), pair=True) for row in blind if row not in both]
    probability = len(looked_at) / max(population.n_frames, 1)
    for row in looked_at:
        frame = FrameRef(int(population.frame_video[row]), int(population.frame_number[row]))
        units.append(AuditUnit(frame, WHOLE_FRAME, Grade.JUDGED, probability))
    return units


def lots(seed: Sequence[int], *names: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return a random number for each unit that follows from the seed and what the unit is called, uint64 [n].

    Args:
        names: int64 [n] each, which together tell every unit from all others; none is negative.
    """
    state: NDArray[np.uint64] = np.full(len(names[0]), np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
    for name in names:
        state = _mixed(state + (name.astype(np.uint64) + np.uint64(1)) * _STRIDE)
    return state


_STRIDE = np.uint64(0x9E3779B97F4A7C15)


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix the bits of each number: the finish of splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
    generators", OOPSLA 2014)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    return state ^ (state >> np.uint64(31))


def stratified(
    strata: NDArray[np.int64], n: int, rng: np.random.Generator, numbers: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """Draw ``n`` of some units (all where there are fewer), each with the same probability, spread over strata.

    Args:
        strata: int64 [N], number of each unit's stratum.
        numbers: uint64 [N], random; of a stratum the units with the lowest are drawn.

    Returns:
        Positions of the drawn units, int64 [min(n, N)], rising.
    """
    if n >= len(strata):
        return np.arange(len(strata))
    _, sizes = np.unique(strata, return_counts=True)
    counts = rounded(n * sizes / len(strata), rng)
    order = np.lexsort((numbers, strata))
    starts = np.cumsum(sizes) - sizes
    drawn = [order[start : start + count] for start, count in zip(starts, counts, strict=True)]
    return np.sort(np.concatenate(drawn))


def rounded(expected: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Round numbers that add up to a whole one, at random, so that each keeps its mean and the sum stays.

    Ordered pivotal rounding: two fractions at a time meet, and one of them becomes 0 or 1.

    Args:
        expected: float64 [n], at least 0.

    Returns:
        int64 [n], each the number below or above; numbers that are whole stay.
    """
    whole = np.floor(expected + 1e-9)
    counts, fraction = whole.astype(np.int64), np.maximum(expected - whole, 0.0)
    left, size = -1, 0.0
    for at in np.flatnonzero(fraction > 1e-9):
        if left < 0:
            left, size = at, fraction[at]
            continue
        together = size + fraction[at]
        if together < 1 - 1e-9:
            left = at if rng.random() * together < fraction[at] else left
            size = together
            continue
        # One of the two becomes 1, the other keeps what is left.
        first_wins = rng.random() * (2 - together) < 1 - fraction[at]
        counts[left if first_wins else at] += 1
        left, size = (at if first_wins else left), together - 1
        if size < 1e-9:
            left, size = -1, 0.0
    if left >= 0 and size > 0.5:
        counts[left] += 1
    return counts


def _mask(population: Population, row: int, grade: Grade, drawn: int, pair: bool = False) -> AuditUnit:
    return AuditUnit(
        FrameRef(int(population.video_id[row]), int(population.frame_idx[row])),
        int(population.track_id[row]),
        grade,
        drawn / len(population),
        int(population.category_id[row]),
        str(population.provenance[row]),
        float(population.confidence[row]),
        pair,
    )


def _counts(members: NDArray[np.bool_], rows: dict[Grade, NDArray[np.int64]]) -> tuple[int, int, int]:
    """Return the size of a stratum, and how many of it are to be judged and drawn blind."""
    judged, blind = (int(members[rows[grade]].sum()) for grade in (Grade.JUDGED, Grade.MEASURED))
    return int(members.sum()), judged, blind
