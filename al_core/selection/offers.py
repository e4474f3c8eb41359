"""The kinds of label that people are asked for: what each costs and leaves, and which one a chosen frame gets.

What is drawn (clicks, boxes, strokes, outlines, whole masks) is planned together with the places. A look comes instead
of that: where the masks that are shown are probably right, a yes or no is enough, and where labels say that nothing is
there, a tag tells whether that still holds.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from al_core.campaign.pricing import CORRECTING, Prices
from al_core.records import FrameRef, LabelKind, Selected
from al_core.selection.error_model import Outlook
from al_core.selection.plan import Line, Offer
from al_core.selection.pool import Pool

DRAWN = (LabelKind.CLICK, LabelKind.BOX, LabelKind.SCRIBBLE, LabelKind.POLYGON, LabelKind.MASK)
LOOKS = (LabelKind.ACCEPT, LabelKind.TAG)

PROBABLY = 0.8
"""Chance that shown masks are right from which a yes or no is asked for."""

RIGHT = Pool.right
"""Expected error at which every second frame is right (all objects with an IoU of .9), and the scale around it, on the
frames of ``LEAVES``."""


@dataclass(frozen=True, slots=True)
class Leaves:
    """What a kind of label leaves.

    Attributes:
        keeps: share of the present error that it keeps, in [0, 1].
        adds: error that it has besides, in [0, 1].
        from_nothing: its error where nothing is known yet, in [0, 1]; None where it cannot be given then.
    """

    keeps: float
    adds: float
    from_nothing: float | None = None


LEAVES: Mapping[LabelKind, Leaves] = {
    LabelKind.CLICK: Leaves(0.52, 0.05),
    LabelKind.BOX: Leaves(0.53, 0.08, 0.36),
    LabelKind.SCRIBBLE: Leaves(0.49, 0.04),
    LabelKind.POLYGON: Leaves(0.18, 0.08, 0.16),
    LabelKind.MASK: Leaves(0.0, 0.0, 0.0),
}
"""Straight lines through the errors (1 - J&F) before and after, on 60 frames of the five clips of DAVIS 2016's training
half that nothing is reported on (``tests/bench/accuracy/kinds_table.py``)."""


def offers_of(
    kinds: Collection[LabelKind], prices: Prices, leaves: Mapping[LabelKind, Leaves] = LEAVES
) -> tuple[Offer, ...]:
    """Return what may be planned of some kinds; whole masks where nothing that is drawn is among them.

    Args:
        leaves: of every kind that is drawn.
    """
    wanted = [kind for kind in DRAWN if kind in kinds] or [LabelKind.MASK]
    return tuple(_offer(kind, prices, leaves[kind]) for kind in wanted)


def _offer(kind: LabelKind, prices: Prices, leaves: Leaves) -> Offer:
    seconds = prices.per_object[kind]
    correcting = None
    if kind is LabelKind.MASK:
        looking = prices.per_object[LabelKind.ACCEPT] / max(seconds, 1e-9)
        correcting = (looking + CORRECTING[0], CORRECTING[1])
    absent = prices.per_object[LabelKind.ABSENT]
    return Offer(kind, seconds, leaves.keeps, leaves.adds, leaves.from_nothing, correcting, absent)


def chance_of_right(error: float, right: tuple[float, float] = RIGHT) -> float:
    """Return the chance that a person finds all masks of a frame right that are expected to be wrong by ``error``."""
    middle, scale = right
    return float(1 / (1 + np.exp((error - middle) / scale)))


def with_kinds(selected: Sequence[Selected], pool: Pool, planned: Collection[FrameRef] = frozenset()) -> list[Selected]:
    """Return the chosen frames, each with the kind of label that is worth most beyond its price.

    The price of a second is what the least of these frames would bring as a whole mask. Before anything is known of a
    video, it is the kind that leaves the least error of those that can be given then.

    Args:
        planned: frames whose kind was planned together with their places.
    """
    kinds, first = pool.kinds, _first(pool.kinds)
    if pool.outlooks is None:
        return [replace(s, kind=first) for s in selected]
    if kinds == {LabelKind.MASK}:
        return list(selected)
    lines = _lines(selected, pool)
    found = []
    for s in selected:
        line = lines[s.frame.video_id]
        kind = _looked_at(s.frame.frame_idx, line.outlook, kinds, pool.right)
        if kind is None and s.frame not in planned:
            spot = line.at(s.frame.frame_idx) if line.outlook.labelled else None
            kind = first if spot is None else spot.offer.kind
        found.append(s if kind is None else replace(s, kind=kind))
    return found


def _lines(selected: Sequence[Selected], pool: Pool) -> dict[int, Line]:
    """Return the videos of chosen frames, with the price of a second."""
    assert pool.outlooks is not None
    lines: dict[int, Line] = {}
    exact: dict[int, Line] = {}
    for video in {s.frame.video_id for s in selected}:
        mine = np.array(sorted(t.frame.frame_idx for t in selected if t.frame.video_id == video))
        lines[video] = Line(video, pool.outlooks(video), mine, pool.offers)
        if lines[video].outlook.labelled:
            exact[video] = replace(lines[video], offers=(_least(pool.offers),))
    known = [s.frame for s in selected if s.frame.video_id in exact]
    rates = [spot.rate for frame in known if (spot := exact[frame.video_id].at(frame.frame_idx)) is not None]
    for line in lines.values():
        line.price = min(rates, default=0.0)
    return lines


def _first(kinds: Collection[LabelKind]) -> LabelKind:
    from_nothing = [k for k in DRAWN if k in kinds and LEAVES[k].from_nothing is not None]
    return from_nothing[-1] if from_nothing else LabelKind.MASK


def _least(offers: Sequence[Offer]) -> Offer:
    return min(offers, key=lambda offer: offer.residual(1.0))


def _looked_at(
    frame_idx: int, outlook: Outlook, kinds: Collection[LabelKind], right: tuple[float, float]
) -> LabelKind | None:
    """Return the kind of look that is enough in a frame, or is all that may be asked for; else None."""
    looks = [kind for kind in LOOKS if kind in kinds]
    if not looks or not outlook.labelled:
        return None
    if LabelKind.TAG in looks and frame_idx in outlook.vacant:
        return LabelKind.TAG
    if LabelKind.ACCEPT in looks and chance_of_right(float(outlook.error[frame_idx]), right) >= PROBABLY:
        return LabelKind.ACCEPT
    return None if any(kind in kinds for kind in DRAWN) else looks[0]
