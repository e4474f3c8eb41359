"""A target is met when a power law through the estimates says so, and forecasts are held against what came."""

import numpy as np
import pytest

from al_core.evaluation.target_forecast import CurvePoint, forecast_scores, target_forecast


def rng():
    return np.random.default_rng(0)


def point(number, seconds, value, wide=0.02):
    return CurvePoint(number, seconds, value, max(value - wide, 0), min(value + wide, 1), value - wide)


def law(*seconds, wide=0.02):
    """Estimates on a power law: the error is 0.4 after 100 s and halves with each doubling of the time."""
    return [point(n, s, 1 - 40 / s, wide) for n, s in enumerate(seconds, start=1)]


def test_the_time_to_the_target_follows_the_law_and_lies_in_its_interval():
    found = target_forecast(law(100, 200, 400), 0.93, 0.95, rng())
    assert found.round_id == 3
    assert found.to_target.value == pytest.approx(400, rel=0.02)
    assert found.to_target.low < 400 < found.to_target.high


def test_what_is_known_worse_is_forecast_with_a_wider_interval():
    sharp, vague = (target_forecast(law(100, 200, 400, wide=w), 0.93, 0.95, rng()).to_target for w in (0.005, 0.1))
    assert vague.high - vague.low > sharp.high - sharp.low


def test_a_target_that_is_assured_is_met_and_a_flat_curve_never_meets_one():
    assert target_forecast(law(100, 200, 4000), 0.9, 0.93, rng()).to_target.value == 0
    flat = [point(n, 100.0 * n, 0.8) for n in (1, 2, 3)]
    assert target_forecast(flat, 0.93, 0.95, rng()).to_target.value == np.inf
    assert target_forecast(law(100, 200, 400), 0.99, 1.0, rng()).to_target.value == np.inf


def test_three_rounds_are_needed():
    assert target_forecast(law(100, 200), 0.9, 0.93, rng()) is None
    assert target_forecast([point(1, 0.0, 0.5), *law(100, 200)], 0.9, 0.93, rng()) is None
    assert forecast_scores(law(100, 200, 400), rng()) == []


def test_perfect_and_worthless_estimates_are_no_trouble():
    points = [point(1, 100, 0.0), point(2, 200, 1.0, 0.0), point(3, 300, 1.0, 0.0)]
    assert target_forecast(points, 0.99, 0.995, rng()).to_target.low >= 0


def test_forecasts_are_held_against_what_came():
    came = [*law(100, 200, 400, 800), point(5, 900, 0.3)]
    fourth, fifth = forecast_scores(came, rng())
    assert (fourth.round_id, fourth.came, fourth.held) == (4, pytest.approx(0.95), True)
    assert fourth.expected.value == pytest.approx(0.95, abs=0.005)
    assert (fifth.round_id, fifth.held) == (5, False)


def test_what_came_by_the_law_is_held_as_often_as_promised():
    held, numbers = [], np.random.default_rng(7)
    for _ in range(60):
        points = []
        for number, seconds in enumerate((100, 200, 400, 800), start=1):
            share = numbers.binomial(60, 1 - 30 / seconds) / 60
            wide = 1.96 * np.sqrt(max(share * (1 - share), 0.01) / 60)
            points.append(point(number, seconds, share, wide))
        held.append(forecast_scores(points, numbers)[0].held)
    assert np.mean(held) > 0.85
