"""The gain of chosen labels over random ones."""

from dataclasses import replace

import numpy as np
import pytest

from al_core.evaluation.label_credit import LEAST_CONTROL, Credit, live_gain


def test_the_gain_is_worth_per_second():
    chosen = [Credit(False, 80.0, 4.0)] * 10
    control = [Credit(True, 40.0, 1.0)] * LEAST_CONTROL
    gain = live_gain(chosen + control, np.random.default_rng(0))
    assert gain is not None
    assert (gain.value, gain.low, gain.high) == pytest.approx((2.0, 2.0, 2.0))


def test_the_interval_is_wide_where_labels_differ():
    rng = np.random.default_rng(0)
    credits = [Credit(i % 2 == 0, 80.0, float(rng.exponential(3))) for i in range(20)]
    gain = live_gain(credits, np.random.default_rng(0))
    assert gain is not None
    assert gain.low < gain.value < gain.high
    assert gain.high / gain.low > 1.5


def test_nothing_is_told_from_few_random_labels():
    few = [Credit(False, 80.0, 1.0)] + [Credit(True, 80.0, 1.0)] * (LEAST_CONTROL - 1)
    assert live_gain(few, np.random.default_rng(0)) is None
    nothing = [Credit(False, 80.0, 1.0)] + [replace(few[1], worth=0.0)] * LEAST_CONTROL
    assert live_gain(nothing, np.random.default_rng(0)) is None
