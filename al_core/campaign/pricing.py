"""What a label costs in human seconds: by the settings, and as measured when people work.

Defaults: whole mask 80 s, box 7 s, clicks 1.5 s each and 1 s once per object, "nothing here" 3 s and an accepted
proposal 2 s are those that EVA-VOS counts with (Delatolas et al., WACV 2024). A scribble's 11 s are the measured
time for one free stroke of Bearman et al., "What's the Point" (ECCV 2016). A coarse outline's 25 s are reckoned, not
measured: 16 vertices at the price of clicks.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import median

from al_core.records import LabelKind
from al_core.settings import AnnotatorSettings

MOST_CLICKS = 3
"""Corrective clicks that an object gets at most (on edited frames, SAM 2's annotators made 2.7 on average)."""

PRIOR_ANSWERS = 2
"""What is expected of a person counts as much as this many measured times."""

LEAST_TIMES = 3
"""Times of a kind from which they say something of what other kinds take."""

CORRECTING = (0.0, 6.6)
"""Share of the time for drawing an object from nothing that correcting a shown mask takes beside a look at it: where it
is right, and how much more for each error (1 - J&F), up to all of it. By what the scripted person of
``tests/bench/people`` draws on 60 frames (``tests/bench/accuracy/kinds_table.py``): .33 in the quarter with the least
error, .87 in the next one, more than drawing anew in the others."""

_WHOLE_FRAME = (LabelKind.ABSENT,)


def label_seconds(settings: AnnotatorSettings, kind: LabelKind, n: int = 1) -> float:
    """Return the human seconds for ``n`` labels of a kind.

    Args:
        n: objects for masks, outlines, scribbles, boxes and proposals that are looked at; clicks on one object;
            "nothing here" costs the same for any n.
    """
    match kind:
        case LabelKind.MASK:
            return n * settings.mask_seconds
        case LabelKind.POLYGON:
            return n * settings.polygon_seconds
        case LabelKind.SCRIBBLE:
            return n * settings.scribble_seconds
        case LabelKind.BOX:
            return n * settings.box_seconds
        case LabelKind.CLICK:
            return settings.click_overhead_seconds + n * settings.click_seconds
        case LabelKind.ACCEPT | LabelKind.REJECT | LabelKind.TAG:
            return n * settings.accept_seconds
        case LabelKind.ABSENT:
            return settings.absent_seconds


def correction_seconds(settings: AnnotatorSettings, error: float) -> float:
    """Return the human seconds for looking at an object's mask that is wrong by ``error`` (in [0, 1]) and making it
    right; no more than drawing it."""
    at_0, more = CORRECTING
    return min(settings.accept_seconds + settings.mask_seconds * (at_0 + more * error), settings.mask_seconds)


@dataclass(frozen=True)
class Prices:
    """Expected human seconds for each object of a frame that is answered with a kind, looking at what is proposed
    included; for ``ABSENT``, seconds for the frame.
    """

    per_object: Mapping[LabelKind, float]

    def frame_seconds(self, kind: LabelKind, n_objects: int) -> float:
        """Return the expected seconds for a frame with ``n_objects`` objects, at least 0.

        A frame without objects costs what saying so costs.
        """
        if n_objects == 0 or kind in _WHOLE_FRAME:
            return self.per_object[LabelKind.ABSENT]
        return n_objects * self.per_object[kind]


def default_prices(settings: AnnotatorSettings) -> Prices:
    """Return prices before anybody was measured: every object needs work, and as many clicks as are made at most."""
    looking = settings.accept_seconds
    corrected = (LabelKind.POLYGON, LabelKind.SCRIBBLE, LabelKind.BOX)
    prices = {kind: label_seconds(settings, kind) for kind in LabelKind}
    prices |= {kind: looking + label_seconds(settings, kind) for kind in corrected}
    prices[LabelKind.CLICK] = looking + label_seconds(settings, LabelKind.CLICK, MOST_CLICKS)
    return Prices(prices)


def prices_from(
    settings: AnnotatorSettings, times: Iterable[tuple[LabelKind, float, int]], masks: Sequence[float] = ()
) -> Prices:
    """Return prices as measured: of each kind the median seconds per object, where there are few answers drawn towards
    what its default and the pace of the people let expect.

    Who takes half of the default's time for one kind probably takes less than the default for another one too: the
    pace is what the kinds that were measured have in common, and counts the defaults as one more kind.

    Args:
        times: (kind, seconds, number of objects) of answers.
        masks: how many times the default's seconds whole masks took for what there was to do; counts in the place of
            their times, where it is known.
    """
    defaults = default_prices(settings).per_object
    shares: dict[LabelKind, list[float]] = defaultdict(list)
    for kind, seconds, n_objects in times:
        each = seconds if kind in _WHOLE_FRAME else seconds / max(1, n_objects)
        shares[kind].append(each / max(defaults[kind], 1e-9))
    if masks:
        shares[LabelKind.MASK] = list(masks)
    told = [log(max(median(found), 1e-3)) for found in shares.values() if len(found) >= LEAST_TIMES]
    pace = exp(sum(told) / (len(told) + 1))
    prices = {}
    for kind, seconds in defaults.items():
        found = shares.get(kind, [])
        own = len(found) * median(found) if found else 0.0
        prices[kind] = seconds * (own + PRIOR_ANSWERS * pace) / (len(found) + PRIOR_ANSWERS)
    return Prices(prices)
