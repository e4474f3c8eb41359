"""Curves that are compared, and curves whose continuation is known."""

import numpy as np
import pytest

from al_core.errors import BadRecords
from al_core.evaluation import learning_curve
from al_core.evaluation.learning_curve import (
    Curves,
    Reach,
    area_under,
    common_span,
    cost_ratio,
    cost_to_reach,
    forecast,
)

SECONDS = np.array([400.0, 800.0, 1600.0, 3200.0])


def power(slope, n_videos=4, noise=0.0, seed=0):
    """Quality [rounds, videos] of curves with error 0.4 after 400 s."""
    rng = np.random.default_rng(seed)
    error = 0.4 * (SECONDS[:, None] / 400) ** -slope * np.linspace(0.8, 1.2, n_videos)
    return 1 - error * np.exp(noise * rng.standard_normal(error.shape))


def test_a_power_law_is_carried_on():
    found = forecast(SECONDS, power(0.5), np.random.default_rng(0), more=3200.0, target=0.9)
    now = 0.4 * 8**-0.5
    assert found.now == pytest.approx(1 - now)
    assert found.later.value == pytest.approx(1 - now * 2**-0.5)
    assert found.gain.value == pytest.approx(now - now * 2**-0.5)
    assert found.to_target.value == pytest.approx(400 * 4**2 - 3200)


def test_the_interval_holds_what_came():
    """Of noisy curves, about 95 of 100 go on within the interval."""
    held = 0
    for seed in range(200):
        whole = np.append(SECONDS, 6400.0)
        rng = np.random.default_rng(seed)
        error = 0.4 * (whole / 400) ** -0.4 * np.exp(0.05 * rng.standard_normal(5))
        found = forecast(SECONDS, 1 - error[:4, None], rng, more=3200.0)
        held += found.later.low <= 1 - 0.4 * 16**-0.4 <= found.later.high
    assert held / 200 > 0.9


def test_a_flat_curve_promises_nothing():
    flat = np.full((4, 3), 0.7)
    found = forecast(SECONDS, flat, np.random.default_rng(0), target=0.9)
    assert found.gain.value == pytest.approx(0)
    assert found.to_target.value == float("inf")


def test_a_curve_that_falls_promises_nothing_either():
    found = forecast(SECONDS, power(-0.2), np.random.default_rng(0))
    assert found.gain.value == 0


def test_a_target_that_is_reached_needs_no_time():
    found = forecast(SECONDS, power(0.5), np.random.default_rng(0), target=0.5)
    assert (found.to_target.value, found.to_target.high) == (0.0, 0.0)


def test_perfect_labels_stay_perfect():
    found = forecast(SECONDS, np.ones((4, 2)), np.random.default_rng(0), target=0.95)
    assert found.later.value == pytest.approx(1, abs=1e-3)


def test_two_rounds_are_too_few():
    assert forecast(SECONDS[:2], power(0.5)[:2], np.random.default_rng(0)) is None
    assert forecast([0.0, 400.0, 800.0], power(0.5)[:3], np.random.default_rng(0)) is None


def test_the_same_seed_gives_the_same_interval():
    first, second = (forecast(SECONDS, power(0.5, noise=0.1), np.random.default_rng(1)) for _ in range(2))
    assert first == second


COST = np.array([1.0, 2.0, 4.0])


def rng():
    return np.random.default_rng(0)


def curves(**values):
    """A strategy on some videos, after 1, 2 and 4 frames."""
    return Curves.of({name: [(COST, value)] for name, value in values.items()})


def test_the_seeds_of_a_video_become_its_mean():
    found = Curves.of({"dog": [([1, 2], [0.2, 0.4]), ([1, 4], [0.4, 0.8])]})
    np.testing.assert_allclose(found.cost, [[1, 3]])
    np.testing.assert_allclose(found.value, [[0.3, 0.6]])


def test_a_run_that_ended_early_stays_where_it_ended():
    found = Curves.of({"short": [([1, 2], [0.2, 0.4])], "long": [([1, 2, 3], [0.2, 0.4, 0.6])]})
    np.testing.assert_allclose(found.cost[0], [1, 2, 2])
    np.testing.assert_allclose(found.value[0], [0.2, 0.4, 0.4])


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ({}, "0 videos"),
        ({"dog": [([2, 1], [0.1, 0.2])]}, "never falls"),
        ({"dog": [([1, 2], [0.1, np.nan])]}, "a quality at every point"),
    ],
)
def test_curves_that_mean_nothing_are_refused(runs, message):
    with pytest.raises(BadRecords, match=message):
        Curves.of(runs)


@pytest.mark.parametrize(
    ("target", "reach"),
    [
        (0.5, Reach(2.0, 2.0)),
        (0.7, Reach(3.0, 3.0)),
        (0.4, Reach(0.0, 1.0)),
        (0.3, Reach(0.0, 1.0)),
        (0.95, Reach(4.0, np.inf)),
    ],
    ids=["at a point", "between points", "at the first point", "before it", "never"],
)
def test_cost_to_reach_a_target(target, reach):
    assert cost_to_reach(COST, np.array([0.4, 0.5, 0.9]), target) == reach


def test_the_first_crossing_counts_also_when_the_curve_falls_again():
    assert cost_to_reach(COST, np.array([0.4, 0.6, 0.5]), 0.5) == Reach(1.5, 1.5)


def test_the_area_is_the_mean_height():
    assert area_under(COST, np.array([0.5, 0.5, 0.5]), 1, 4) == pytest.approx(0.5)
    # From 1 to 2 the mean is .3, from 2 to 4 it is .6.
    assert area_under(COST, np.array([0.2, 0.4, 0.8]), 1, 4) == pytest.approx((0.3 + 2 * 0.6) / 3)
    assert area_under(COST, np.array([0.2, 0.4, 0.8]), 2, 3) == pytest.approx(0.5)
    with pytest.raises(BadRecords, match="no area between 1 and 5"):
        area_under(COST, COST, 1, 5)


def test_the_span_is_what_all_curves_cover():
    late = Curves.of({"dog": [([2, 8], [0, 1])]})
    assert common_span([curves(dog=[0, 0, 0]), late]) == (2, 4)
    assert common_span([curves(dog=[0, 0, 0]), Curves.of({"dog": [([4, 8], [0, 1])]})]) is None


def test_a_strategy_that_needs_half_has_a_ratio_of_two():
    fast = Curves.of({"a": [([1, 2], [0.0, 1.0])], "b": [([1, 2], [0.0, 1.0])]})
    slow = Curves.of({"a": [([1, 5], [0.0, 1.0])], "b": [([1, 5], [0.0, 1.0])]})
    found = cost_ratio(fast, slow, 0.5, rng())
    assert (found.least, found.most, found.low, found.high) == (2, 2, 2, 2)
    assert cost_ratio(slow, fast, 0.5, rng()).least == 0.5


def test_videos_that_disagree_widen_the_interval():
    fast = curves(a=[0, 0.5, 1.0], b=[0, 0.5, 1.0], c=[0, 0.5, 1.0])
    mixed = curves(a=[0, 0.5, 1.0], b=[0, 0.25, 0.75], c=[0.2, 0.7, 1.0])
    found = cost_ratio(fast, mixed, 0.5, rng())
    assert found.exact
    assert found.low < 1 < found.high
    assert found.low < found.least < found.high


def test_a_baseline_that_never_arrives_gives_a_lower_bound():
    fast = curves(a=[0.2, 0.9, 0.9], b=[0.2, 0.9, 0.9])
    never = curves(a=[0.2, 0.3, 0.4], b=[0.2, 0.3, 0.4])
    found = cost_ratio(fast, never, 0.9, rng())
    assert (found.least, found.most) == (2.0, np.inf)
    assert (found.low, found.high) == (2.0, np.inf)
    assert [found.reaches(aim) for aim in (1.7, 3.0)] == [True, None]


def test_a_strategy_that_never_arrives_gives_an_upper_bound():
    fast = curves(a=[0.2, 0.9, 0.9], b=[0.2, 0.9, 0.9])
    never = curves(a=[0.2, 0.3, 0.4], b=[0.2, 0.3, 0.4])
    found = cost_ratio(never, fast, 0.9, rng())
    assert (found.least, found.most) == (0.0, 0.5)
    assert found.reaches(1.0) is False


def test_when_both_never_arrive_nothing_is_known():
    never = curves(a=[0.2, 0.3, 0.4], b=[0.2, 0.3, 0.4])
    found = cost_ratio(never, never, 0.9, rng())
    assert (found.least, found.most, found.low, found.high) == (0, np.inf, 0, np.inf)
    assert found.reaches(1.0) is None


def test_both_there_at_the_first_point_says_nothing_either():
    easy = curves(a=[0.9, 0.9, 0.9], b=[0.9, 0.9, 0.9])
    assert (cost_ratio(easy, easy, 0.5, rng()).least, cost_ratio(easy, easy, 0.5, rng()).most) == (0, np.inf)


def test_one_video_has_no_interval():
    one = curves(dog=[0, 0.5, 1.0])
    found = cost_ratio(one, one, 0.5, rng())
    assert found.least == found.most == 1
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(learning_curve.band(one, rng())).all()


def test_the_interval_of_a_mean_is_that_of_the_theory():
    """100 videos, half 0 and half 1: the standard error of their mean is .05."""
    many = Curves.of({str(i): [([1], [float(i % 2)])] for i in range(100)})
    found = learning_curve.final(many, rng())
    assert found.value == 0.5
    np.testing.assert_allclose([found.low, found.high], [0.5 - 1.96 * 0.05, 0.5 + 1.96 * 0.05], atol=0.015)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    draw = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        values = draw.normal(0.5, 0.1, 20)
        found = learning_curve.final(Curves.of({str(i): [([1], [v])] for i, v in enumerate(values)}), draw, 400)
        hits += found.low <= 0.5 <= found.high
    assert 0.87 <= hits / 200 <= 0.98


def test_the_same_seed_gives_the_same_area():
    some = curves(a=[0, 0.2, 1.0], b=[0, 0.5, 0.7])
    assert learning_curve.area(some, (1, 4), rng()) == learning_curve.area(some, (1, 4), rng())


def test_the_area_lies_within_its_interval():
    found = learning_curve.area(curves(a=[0, 0.2, 1.0], b=[0, 0.5, 0.7], c=[0.1, 0.6, 0.6]), (1, 4), rng())
    assert found.low < found.value < found.high


def test_only_the_videos_of_both_are_compared():
    one, other = curves(a=[0, 0.5, 1.0], b=[0, 0.5, 1.0]), curves(b=[0, 0.5, 1.0], c=[0, 0, 0])
    assert cost_ratio(one, other, 0.5, rng()).least == 1
    with pytest.raises(BadRecords, match="there are none"):
        cost_ratio(curves(a=[0, 0, 0]), curves(b=[0, 0, 0]), 0.5, rng())
