"""Each mask is drawn with the probability that is told, spread over strata, and the seed decides."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from al_core.audit.audit_records import Grade
from al_core.audit.audit_sample import draw_sample, lots, rounded, stratified
from al_core.errors import BadAudit
from tests.toys.audits.deliveries import delivery


@given(st.lists(st.floats(0, 3), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_rounding_keeps_the_sum_and_goes_to_a_neighbour(parts, seed):
    expected = np.array(parts) / max(sum(parts), 1e-6) * 5 if sum(parts) > 1e-3 else np.zeros(len(parts))
    found = rounded(expected, np.random.default_rng(seed))
    assert found.sum() == round(expected.sum())
    assert (np.abs(found - expected) < 1 + 1e-6).all()


def test_rounding_keeps_each_mean():
    expected, rng = np.array([0.2, 0.7, 1.4, 0.3, 2.4]), np.random.default_rng(0)
    mean = np.mean([rounded(expected, rng) for _ in range(4000)], axis=0)
    assert mean == pytest.approx(expected, abs=0.04)


def test_every_unit_has_the_same_chance_whatever_the_size_of_its_stratum():
    strata, rng = np.repeat([0, 1, 2, 3], [1, 2, 7, 20]), np.random.default_rng(1)
    drawn = np.zeros(30)
    for _ in range(4000):
        drawn[stratified(strata, 6, rng, rng.integers(2**63, size=30, dtype=np.uint64))] += 1
    assert drawn / 4000 == pytest.approx(np.full(30, 0.2), abs=0.03)


def test_strata_get_their_share_to_within_one():
    strata = np.repeat([0, 1, 2], [10, 20, 30])
    found = stratified(strata, 12, np.random.default_rng(2), lots([2], np.arange(60)))
    assert np.bincount(strata[found]).tolist() == [2, 4, 6]
    assert len(set(found.tolist())) == 12


def test_the_same_seed_draws_the_same_and_another_draw_does_not():
    population = delivery([0.9] * 200, videos=4).population
    assert draw_sample(population, seed=3) == draw_sample(population, seed=3)
    assert draw_sample(population, seed=3).units != draw_sample(population, seed=3, draw=2).units


def test_each_mask_is_drawn_as_often_as_any_other_over_the_seeds():
    population, drawn = delivery([0.9] * 40, videos=2).population, np.zeros(40)
    for seed in range(1500):
        drawn[population.rows_of(draw_sample(population, seed=seed, judged=8, frames=0, blind=0).units)] += 1
    assert drawn / 1500 == pytest.approx(np.full(40, 0.2), abs=0.05)


def test_the_next_delivery_is_drawn_from_alike_where_it_is_the_same():
    before = delivery([0.9] * 200, videos=4).population
    after = replace(before, round_id=before.round_id + 1)
    sizes = {"judged": 20, "blind": 8, "frames": 8}
    first, again = (draw_sample(p, seed=3, **sizes) for p in (before, after))
    assert again.units == first.units
    further = [{u.key for u in draw_sample(p, seed=3, **sizes, draw=2).units} for p in (before, after)]
    assert len(further[0] & further[1]) < 20
    # Some frames were labelled since: most of the others are drawn again.
    left = np.random.default_rng(0).random(200) > 0.1
    columns = ("video_id", "frame_idx", "track_id", "category_id", "provenance", "confidence")
    fewer = replace(after, **{name: getattr(after, name)[left] for name in columns})
    drawn, kept = ({u.key for u in draw_sample(p, seed=3, **sizes).of(Grade.JUDGED)} for p in (fewer, after))
    assert len(drawn & kept) >= 14
    more = {u.key for u in draw_sample(after, seed=3, judged=60).of(Grade.JUDGED)}
    assert len(kept - more) <= 2


def test_lots_differ_by_each_part_of_a_name_and_are_spread_evenly():
    a, b = np.divmod(np.arange(4000), 50)
    found = lots([1, 2], a, b)
    assert len(set(found.tolist())) == 4000
    assert (found != lots([1, 3], a, b)).all()
    assert (found / 2.0**64).mean() == pytest.approx(0.5, abs=0.03)
    assert abs(np.corrcoef(found / 2.0**64, b)[0, 1]) < 0.05


def test_a_sample_tells_its_probabilities_and_its_strata():
    known = delivery([0.9] * 200, videos=4)
    sample = draw_sample(known.population, seed=3, judged=40, blind=10, frames=20)
    assert {u.inclusion for u in sample.of(Grade.JUDGED)} == {0.2}
    assert {u.inclusion for u in sample.of(Grade.MEASURED)} == {0.05}
    assert {u.inclusion for u in sample.of(Grade.JUDGED, whole_frames=True)} == {0.1}
    assert [sum(s.judged for s in sample.strata if s.provenance), sum(s.blind for s in sample.strata)] == [40, 10]
    assert sum(s.size for s in sample.strata if s.provenance == "teacher") == 100
    assert sample.population == known.population.digest


def test_each_blind_mask_is_judged_too():
    sample = draw_sample(delivery([0.9] * 40).population, seed=1, judged=10, blind=6, frames=0)
    judged = {(u.frame, u.track_id) for u in sample.units if u.grade is Grade.JUDGED}
    assert {(u.frame, u.track_id) for u in sample.of(Grade.MEASURED)} <= judged
    assert len(sample.of(Grade.JUDGED)) == 10


def test_confidence_has_no_part_in_it():
    one, other = (delivery([0.9] * 60, np.linspace(*ends, 60)).population for ends in ((0, 1), (1, 0)))
    frames = [[u.frame for u in draw_sample(p, seed=5).units] for p in (one, other)]
    assert frames[0] == frames[1]


def test_a_small_delivery_is_drawn_whole():
    sample = draw_sample(delivery([0.9] * 8).population, seed=1)
    assert len(sample.of(Grade.JUDGED)) == 8
    assert {u.inclusion for u in sample.units} == {1.0}


def test_nothing_to_draw_from_and_negative_numbers_are_told():
    with pytest.raises(BadAudit, match="0 or more"):
        draw_sample(delivery([0.9] * 8).population, seed=1, judged=-1)
    with pytest.raises(BadAudit, match="delivered nothing"):
        draw_sample(delivery([]).population, seed=1)
