"""Learning curves whose continuation is known."""

import numpy as np
import pytest

from al_core.evaluation.learning_curve import forecast

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
