"""What a label costs, before and after people were measured."""

import pytest

from al_core.campaign.pricing import correction_seconds, default_prices, label_seconds, prices_from
from al_core.records import LabelKind
from al_core.settings import AnnotatorSettings

SETTINGS = AnnotatorSettings()


@pytest.mark.parametrize(
    ("kind", "n", "seconds"),
    [
        (LabelKind.MASK, 2, 160),
        (LabelKind.POLYGON, 2, 50),
        (LabelKind.SCRIBBLE, 2, 22),
        (LabelKind.BOX, 3, 21),
        (LabelKind.CLICK, 4, 7),
        (LabelKind.ACCEPT, 2, 4),
        (LabelKind.REJECT, 2, 4),
        (LabelKind.TAG, 2, 4),
        (LabelKind.ABSENT, 2, 3),
    ],
)
def test_defaults(kind, n, seconds):
    assert label_seconds(SETTINGS, kind, n) == seconds


def test_a_frame_costs_looking_and_correcting_every_object():
    prices = default_prices(SETTINGS)
    assert prices.frame_seconds(LabelKind.MASK, 2) == 160
    assert prices.frame_seconds(LabelKind.CLICK, 2) == 2 * (2 + 1 + 3 * 1.5)
    assert prices.frame_seconds(LabelKind.BOX, 1) == 9
    assert prices.frame_seconds(LabelKind.ABSENT, 2) == 3
    assert prices.frame_seconds(LabelKind.MASK, 0) == 3


def test_what_nobody_did_costs_the_default():
    assert prices_from(SETTINGS, []) == default_prices(SETTINGS)


def test_one_answer_moves_a_price_a_little_and_many_decide_it():
    one = prices_from(SETTINGS, [(LabelKind.MASK, 80, 2)])
    assert one.frame_seconds(LabelKind.MASK, 1) == pytest.approx((40 + 2 * 80) / 3)
    many = prices_from(SETTINGS, [(LabelKind.MASK, 80, 2)] * 498)
    assert many.frame_seconds(LabelKind.MASK, 1) == pytest.approx(40.0, abs=0.1)


def test_a_pace_that_shows_in_three_answers_moves_all_prices():
    fast = [(LabelKind.MASK, 20.0, 1)]
    before, after = (prices_from(SETTINGS, fast * n).per_object for n in (2, 3))
    assert before[LabelKind.CLICK] == default_prices(SETTINGS).per_object[LabelKind.CLICK]
    # Of a quarter, half is believed of kinds that nobody gave yet.
    assert after[LabelKind.CLICK] == pytest.approx(7.5 / 2)
    assert after[LabelKind.MASK] == pytest.approx(80 * (3 / 4 + 2 / 2) / 5)


def test_what_a_kind_itself_took_counts_more_than_the_pace():
    times = [(LabelKind.MASK, 20.0, 1)] * 8 + [(LabelKind.CLICK, 7.5, 1)] * 8
    prices = prices_from(SETTINGS, times).per_object
    pace = 0.25 ** (1 / 3)
    assert prices[LabelKind.CLICK] == pytest.approx(7.5 * (8 + 2 * pace) / 10)
    assert prices[LabelKind.SCRIBBLE] == pytest.approx(13 * pace)


def test_whole_masks_are_priced_by_what_there_was_to_do():
    prices = prices_from(SETTINGS, [(LabelKind.MASK, 5.0, 1)] * 3, masks=[0.5, 0.5, 0.5]).per_object
    assert prices[LabelKind.MASK] == pytest.approx(80 * (3 / 2 + 2 * 0.5**0.5) / 5)


def test_a_coffee_break_is_no_price():
    times = [(LabelKind.MASK, 80, 1)] * 4 + [(LabelKind.MASK, 3600, 1)]
    assert prices_from(SETTINGS, times).frame_seconds(LabelKind.MASK, 1) == pytest.approx(80)


def test_a_frame_without_objects_counts_whole():
    times = [(LabelKind.ABSENT, 13, 0), (LabelKind.REJECT, 2, 0)]
    prices = prices_from(SETTINGS, times)
    assert prices.frame_seconds(LabelKind.ABSENT, 0) == pytest.approx((13 + 2 * 3) / 3)
    assert prices.frame_seconds(LabelKind.REJECT, 1) == 2


def test_correcting_costs_more_the_more_is_wrong_and_never_more_than_drawing():
    seconds = [correction_seconds(SETTINGS, error) for error in (0.0, 0.1, 0.3, 1.0)]
    assert SETTINGS.accept_seconds <= seconds[0] < seconds[1] < seconds[2] == seconds[3] == SETTINGS.mask_seconds
