"""Which kind of label a chosen frame gets."""

from dataclasses import replace

import numpy as np
import pytest

from al_core.campaign.pricing import default_prices
from al_core.records import FrameRef, LabelKind, Selected
from al_core.selection import select
from al_core.selection.error_model import Outlook
from al_core.selection.offers import DRAWN, PROBABLY, chance_of_right, offers_of, with_kinds
from al_core.selection.pool import Pool
from al_core.settings import AnnotatorSettings, SelectionSettings

PRICES = default_prices(AnnotatorSettings())
N = 21


def pool(*kinds, error=0.3, labelled=(0, 20), vacant=()):
    """One video of 21 frames whose masks are expected to be wrong by so much."""
    wrong = np.full(N, error) if np.isscalar(error) else np.asarray(error, float)
    outlook = Outlook(wrong, np.ones(N - 1), frozenset(labelled), 1.0, frozenset(vacant))
    known = [FrameRef(1, i) for i in labelled]
    asked = frozenset(map(LabelKind, kinds))
    return replace(
        Pool.from_arrays({1: N}, known), outlooks=lambda video: outlook, offers=offers_of(asked, PRICES), kinds=asked
    )


def priced(pool, seconds):
    """The same pool, some kinds at other prices."""
    offers = (replace(o, seconds=seconds.get(o.kind, o.seconds)) for o in pool.offers)
    return replace(pool, offers=tuple(offers))


def kinds_of(pool, *frames):
    """The kinds that these frames get."""
    return [s.kind for s in with_kinds([Selected(FrameRef(1, i), 0, 0.0, "") for i in frames], pool)]


def test_a_yes_or_no_is_asked_for_where_masks_are_probably_right():
    error = np.full(N, 0.3)
    error[5] = 0.01
    assert kinds_of(pool("accept", "mask", error=error), 5, 9) == [LabelKind.ACCEPT, LabelKind.MASK]
    assert kinds_of(pool("mask", error=error), 5, 9) == [LabelKind.MASK, LabelKind.MASK]


def test_the_chance_falls_with_the_error():
    chances = [chance_of_right(error) for error in (0.0, 0.05, 0.1, 0.3)]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] > PROBABLY > chances[2]


def test_a_tag_is_asked_for_where_nothing_is_said_to_be():
    assert kinds_of(pool("tag", "mask", vacant=(4,)), 4, 9) == [LabelKind.TAG, LabelKind.MASK]


def test_before_anything_is_known_people_draw():
    for kinds in (("accept", "click", "mask"), ("accept",), ("click", "tag")):
        assert kinds_of(pool(*kinds, labelled=()), 9) == [LabelKind.MASK]
        assert kinds_of(replace(pool(*kinds), outlooks=None), 9) == [LabelKind.MASK]
    assert kinds_of(pool("box", labelled=()), 9) == [LabelKind.BOX]


def test_where_looks_are_all_that_may_be_asked_for_they_are_asked_for():
    assert kinds_of(pool("accept", error=0.5), 9) == [LabelKind.ACCEPT]


def test_of_what_is_drawn_a_frame_gets_what_is_worth_most():
    asked = pool(*DRAWN)
    chosen = kinds_of(asked, 4, 10, 16)
    assert set(chosen) <= set(DRAWN)
    assert kinds_of(priced(asked, dict.fromkeys(DRAWN[:-1], 10000.0)), 4, 10, 16) == [LabelKind.MASK] * 3
    assert kinds_of(priced(asked, {LabelKind.MASK: 1e4, LabelKind.POLYGON: 1e-3}), 10) == [LabelKind.POLYGON]


@pytest.mark.parametrize("strategy", ["value", "uniform", "random"])
def test_every_strategy_asks_for_kinds(strategy):
    error = np.full(N, 0.01)
    settings = SelectionSettings(control_share=0.0, min_gap=1)
    found = select(strategy, pool("accept", "mask", error=error), 4, settings, np.random.default_rng(0))
    assert {s.kind for s in found} == {LabelKind.ACCEPT}


def test_whole_masks_cost_by_what_is_to_do():
    (offer,) = offers_of([LabelKind.MASK], PRICES)
    assert offer.price(1.0, shown=False) == offer.price(1.0, shown=True) == 80.0
    assert PRICES.per_object[LabelKind.ACCEPT] <= offer.price(0.0, shown=True) < offer.price(0.05, shown=True) < 80.0
    (click,) = offers_of([LabelKind.CLICK], PRICES)
    assert click.price(0.2, shown=True) == click.seconds
