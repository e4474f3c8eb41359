"""Confidences that mean what they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from al_core.evaluation.calibration import (
    IDENTITY,
    Calibration,
    Samples,
    cross_validated,
    expected_calibration_error,
    fit,
    reliability,
)

NAN = float("nan")


def boastful(n_groups: int = 8, n: int = 40, seed: int = 0) -> Samples:
    """Masks whose overlap is far below their confidence."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.3, 0.98, n_groups * n)
    overlap = np.clip(confidence**2 + rng.normal(0, 0.05, confidence.shape), 0, 1)
    return Samples(confidence, overlap, np.repeat(np.arange(n_groups), n))


def test_the_identity_changes_nothing_at_all() -> None:
    ends = np.array([0.0, 1e-9, 0.3, 1.0])
    assert IDENTITY.of(ends).tolist() == ends.tolist()
    assert IDENTITY(1.0) == 1.0


def test_a_map_worked_out_by_hand() -> None:
    """0.8 has odds of 4; slope 0.5 makes them 2, offset log 3 makes them 6."""
    assert Calibration(0.5, float(np.log(3)))(0.8) == pytest.approx(6 / 7)


@given(st.floats(0.05, 5), st.floats(-2, 2), st.lists(st.floats(0.01, 0.99), min_size=2, max_size=9))
def test_a_map_rises_stays_within_bounds_and_can_be_undone(slope: float, offset: float, given: list[float]) -> None:
    confidences = np.sort(given)
    expected = Calibration(slope, offset).of(confidences)
    assert (np.diff(expected) >= 0).all()
    assert ((expected >= 0) & (expected <= 1)).all()
    inner = (expected > 0.002) & (expected < 0.998)
    np.testing.assert_allclose(Calibration(slope, offset).undone(expected)[inner], confidences[inner], atol=1e-6)


@pytest.mark.parametrize(("slope", "offset"), [(0, 0), (-1, 0), (NAN, 0), (1, NAN)])
def test_a_map_that_does_not_rise_is_refused(slope: float, offset: float) -> None:
    with pytest.raises(ValueError, match="slope above 0"):
        Calibration(slope, offset)


def test_without_samples_the_map_known_beforehand_holds() -> None:
    prior = Calibration(0.7, 0.2)
    assert fit(Samples.of([]), prior) == prior


def test_many_samples_overrule_what_was_known_beforehand() -> None:
    samples = boastful(n_groups=200)
    for prior in (IDENTITY, Calibration(2.0, 1.0)):
        expected = fit(samples, prior)(0.7)
        assert expected == pytest.approx(0.49, abs=0.04)


def test_few_samples_change_little() -> None:
    one_bad_mask = fit(Samples.of([(0.9, 0.1, 0)]))(0.9)
    assert 0.6 < one_bad_mask < 0.9


def test_many_frames_of_one_video_count_less_than_one_frame_of_many() -> None:
    rows = [(0.8, 0.5)] * 20
    one_video = fit(Samples.of((c, o, 0) for c, o in rows))(0.8)
    many_videos = fit(Samples.of((c, o, i) for i, (c, o) in enumerate(rows)))(0.8)
    assert 0.5 < many_videos < one_video < 0.8


def test_the_error_of_a_table_worked_out_by_hand() -> None:
    """Bins of a tenth: 0.62 and 0.68 share one and are 0.15 too sure, 0.91 is 0.09 too modest."""
    samples = Samples.of([(0.62, 0.4, 0), (0.68, 0.6, 0), (0.91, 1.0, 0)])
    error = expected_calibration_error(samples)
    assert error.value == pytest.approx((2 * 0.15 + 0.09) / 3)
    assert not error.known
    rows = [(row.n, row.confidence, row.overlap) for row in reliability(samples)]
    assert rows == [(2, pytest.approx(0.65), pytest.approx(0.5)), (1, pytest.approx(0.91), pytest.approx(1.0))]


def test_full_confidence_has_a_bin() -> None:
    assert expected_calibration_error(Samples.of([(1.0, 1.0, 0), (0.0, 0.0, 1)])).value == 0.0


def test_the_interval_is_over_videos_and_the_same_for_the_same_seed() -> None:
    samples = boastful()
    error = expected_calibration_error(samples, seed=3)
    assert error.low < error.value < error.high
    assert error == expected_calibration_error(samples, seed=3)


def test_nothing_has_no_error() -> None:
    assert np.isnan(expected_calibration_error(Samples.of([])).value)


def test_a_fit_helps_videos_that_it_has_not_seen() -> None:
    found = cross_validated(boastful(n_groups=60, n=20))
    assert found.samples == 1200
    assert found.before.value > 0.15
    assert found.after.value < 0.05
    assert sum(row.n for row in found.reliability) == 1200


def test_with_one_group_nobody_knows_what_a_fit_is_worth() -> None:
    found = cross_validated(Samples.of([(0.9, 0.5, 3), (0.8, 0.4, 3)]))
    assert found.samples == 2
    assert found.calibration != IDENTITY
    assert np.isnan([found.before.value, found.after.value]).all()


@pytest.mark.parametrize("row", [(1.1, 0.5, 0), (0.5, -0.1, 0), (NAN, 0.5, 0)])
def test_values_out_of_range_are_refused(row: tuple[float, float, int]) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        Samples.of([row])
