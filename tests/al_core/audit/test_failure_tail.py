"""Bounds on failures: the textbook's numbers, and no design and no clustering beats them."""

import numpy as np
import pytest
from scipy.stats import hypergeom

from al_core.audit.audit_sample import stratified
from al_core.audit.failure_tail import Design, answers_needed, least_claimed
from al_core.errors import BadAudit


@pytest.mark.parametrize(("failures", "needed"), [(0, 59), (1, 93), (2, 124), (3, 153), (5, 208)])
def test_answers_that_bound_five_percent(failures, needed):
    assert answers_needed(100_000, 0.05, 0.05, failures) == needed


def test_a_small_delivery_needs_fewer_and_poor_judges_need_more():
    assert answers_needed(100, 0.05, 0.05) < 59
    assert answers_needed(100_000, 0.05, 0.05, noticed=0.5) == 119
    assert answers_needed(100, 0.05, 0.05, noticed=0.01) is None
    assert answers_needed(0, 0.05, 0.05) is None
    with pytest.raises(BadAudit, match="between 0 and 1"):
        answers_needed(100, 0.0, 0.05)


def test_the_smallest_share_that_is_more():
    assert [least_claimed(n, 0.05) for n in (19, 20, 100)] == [1, 2, 6]


def test_a_census_knows():
    assert Design(100, 100).tail(5, 6) == 0.0
    assert Design(100, 100).tail(6, 6) == 1.0
    assert Design(100, 100).most_failing(3, 100, 0.05) == 3


def test_never_below_the_hypergeometric_tail():
    for units, drawn, failing, seen in [(200, 60, 11, 0), (200, 60, 20, 2), (1000, 100, 51, 1), (50, 40, 5, 1)]:
        assert Design(units, drawn).tail(seen, failing) >= hypergeom.cdf(seen, units, failing, drawn)


def test_nothing_can_be_said_near_the_mean():
    assert Design(1000, 100).tail(5, 51) == 1.0


@pytest.mark.parametrize("failing", [np.arange(20), np.arange(0, 200, 10), np.r_[0:5, 100:115]])
def test_clustered_failures_are_missed_no_more_often_than_bounded(failing):
    strata, rng, design = np.repeat([0, 1, 2, 3], [5, 15, 80, 100]), np.random.default_rng(0), Design(200, 30)
    drawn = [stratified(strata, 30, rng, rng.permutation(200).astype(np.uint64)) for _ in range(1500)]
    seen = np.array([np.isin(each, failing).sum() for each in drawn])
    for most in (0, 1):
        assert (seen <= most).mean() <= design.tail(most, len(failing)) + 0.02
