"""Estimates are unbiased whatever confidence is worth, their intervals cover, and good confidence makes them narrow."""

import numpy as np
import pytest

from al_core.audit.audit_records import Grade
from al_core.audit.audit_sample import draw_sample
from al_core.audit.estimators import estimate, estimates, taken_out
from al_core.errors import BadAudit, UnknownName
from tests.toys.audits.deliveries import Known, delivery


def made(worth, n=400, seed=0):
    """A delivery whose confidence is worth nothing (0) to all (1)."""
    rng = np.random.default_rng(seed)
    overlap = np.where(rng.random(n) < 0.2, rng.uniform(0, 0.7, n), rng.uniform(0.8, 1, n))
    noise = rng.permutation(overlap)
    return delivery(overlap, worth * overlap + (1 - worth) * noise, videos=4)


def found(known, metric, seed, grade=Grade.MEASURED, assisted=True, **drawn):
    sample = draw_sample(known.population, seed=seed, **drawn)
    return estimate(known.population, [sample], known.answers([sample]), metric, grade=grade, assisted=assisted)


@pytest.mark.parametrize("worth", [0.0, 1.0])
def test_unbiased_and_covering_whatever_confidence_is_worth(worth):
    known = made(worth)
    told = [found(known, "j", seed, blind=16, judged=0, frames=0) for seed in range(150)]
    truth = known.overlap.mean()
    assert np.mean([e.value for e in told]) == pytest.approx(truth, abs=0.02)
    assert np.mean([e.low <= truth <= e.high for e in told]) >= 0.93


def test_good_confidence_narrows_and_is_worth_answers():
    known = made(1.0)
    helped, plain = (found(known, "j", 1, blind=60, judged=0, assisted=a) for a in (True, False))
    assert helped.high - helped.low < 0.95 * (plain.high - plain.low)
    assert helped.effective_n > 2 * helped.n
    assert plain.effective_n == plain.n == 60


def test_judged_and_measured_are_never_mixed():
    known = made(0.5)
    sample = draw_sample(known.population, seed=1, judged=30, blind=8, frames=10)
    told = estimates(known.population, [sample], known.answers([sample]), 0.75)
    everything = {(e.metric, e.grade): e for e in told if e.scope == "all"}
    assert everything["good", Grade.JUDGED].n == 30
    assert everything["good", Grade.MEASURED].n == 8
    assert ("j", Grade.JUDGED) not in everything
    assert everything["missed", Grade.JUDGED].n == 10


def test_scopes_are_videos_categories_and_provenances():
    known = made(0.5)
    sample = draw_sample(known.population, seed=1, judged=40)
    told = estimates(known.population, [sample], known.answers([sample]), 0.75)
    scopes = {e.scope: e for e in told if e.metric == "good" and e.grade is Grade.JUDGED}
    assert {"video 1", "video 4", "category 1", "provenance teacher", "provenance propagated"} < set(scopes)
    assert scopes["video 1"].population == 100
    assert sum(scopes[f"video {v}"].n for v in range(1, 5)) == 40


def test_missed_objects_are_told_per_hundred_frames():
    known = delivery([0.9] * 200)
    missed = np.zeros(200, np.int64)
    missed[::10] = 2
    known = Known(known.population, known.overlap, missed)
    told = found(known, "missed", 1, Grade.JUDGED, frames=200)
    assert [told.value, told.low, told.high] == pytest.approx([20, 20, 20])
    told = found(known, "missed", 1, Grade.JUDGED, frames=100)
    assert told.low < 20 < told.high
    assert found(known, "lacking", 1, Grade.JUDGED, frames=200).value == pytest.approx(0.1)


def test_what_nobody_answered_is_counted_and_tells_nothing():
    known = made(0.5)
    sample = draw_sample(known.population, seed=1, judged=10)
    answers = known.answers([sample])
    half = dict(list(answers.items())[::2])
    told = estimate(known.population, [sample], half, "good", grade=Grade.JUDGED)
    assert told.n + told.unanswered == 10
    assert estimate(known.population, [sample], {}, "good", grade=Grade.JUDGED) is None


def test_a_metric_that_is_not_there_and_a_sample_of_another_delivery_are_told():
    known, other = made(0.5), made(0.5, n=40)
    sample = draw_sample(known.population, seed=1)
    with pytest.raises(UnknownName, match="metric of masks"):
        estimate(known.population, [sample], {}, "speed", grade=Grade.JUDGED)
    for metric in ("good", "missed"):
        with pytest.raises(BadAudit, match="draw a new"):
            estimate(other.population, [sample], {}, metric, grade=Grade.JUDGED)


def test_each_answer_hears_of_the_others_only():
    away = np.array([-0.2, 0.1, 0.3, -0.1, 0.2])
    figures = 0.5 + away
    changed = figures.copy()
    changed[0] = 0.0
    one, other = (taken_out(f, away, 0.04) for f in (figures, changed))
    assert one[0] == other[0]
    assert one[1] != other[1]
    assert (taken_out(figures[:2], away[:2], 0.04) == 0).all()
