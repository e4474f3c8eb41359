"""Certificates: the loosest threshold that holds, and an error rate that is kept under the null."""

from dataclasses import replace

import numpy as np
import pytest

from al_core.audit.audit_records import AuditAnswer, Grade, JudgeQuality
from al_core.audit.audit_sample import draw_sample
from al_core.audit.certifying import Claim, certify, certify_frames, risk_of_look, thresholds
from al_core.audit.failure_tail import Design
from al_core.errors import BadAudit
from tests.toys.audits.deliveries import Known, delivery

CLAIM = Claim(0.75, 0.05, 0.05, Grade.JUDGED)


def mixed(failing, n=600, informative=True, seed=0):
    """A delivery of which a share fails, with the lowest confidence or anywhere."""
    overlap = np.full(n, 0.9)
    confidence = np.linspace(0.2, 1, n)
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)
    worst = np.arange(n) if informative else rng.permutation(n)
    overlap[worst[: round(failing * n)]] = 0.3
    return delivery(overlap[order], confidence[order], videos=4)


def decided(known, seed=1, claim=CLAIM, judged=100, **changed):
    sample = draw_sample(known.population, seed=seed, judged=judged, frames=0)
    answers = known.answers([sample]) | changed.get("answers", {})
    return certify(known.population, [sample], answers, claim)


def error_of(known, decision):
    """Share of accepted masks that fail in truth; 0 where none is accepted."""
    if not decision.accepted:
        return 0.0
    accepted = known.population.confidence >= decision.accepted[0].confidence
    return (known.overlap[accepted] < 0.75).mean()


def test_a_perfect_delivery_is_accepted_whole():
    found = decided(mixed(0.0))
    assert found.accepted[0].masks == 600
    assert (found.accepted[0].audited, found.accepted[0].failed, found.unanswered) == (100, 0, 0)


def test_masks_below_the_threshold_are_left_out():
    known = mixed(0.3)
    found = decided(known, judged=200)
    assert 0.4 < found.accepted[0].masks / 600 < 0.8
    assert error_of(known, found) <= 0.05


def test_too_few_answers_certify_nothing_and_say_how_many_it_takes():
    found = decided(mixed(0.0), judged=30)
    assert found.accepted == ()
    assert 50 <= found.needed <= 59


def test_a_mask_without_an_answer_counts_as_a_failure():
    known = mixed(0.0)
    sample = draw_sample(known.population, seed=1, judged=60)
    answers = known.answers([sample])
    assert certify(known.population, [sample], answers, CLAIM).accepted
    del answers[sample.of(Grade.JUDGED)[0].key]
    found = certify(known.population, [sample], answers, CLAIM)
    assert (found.unanswered, found.failed) == (1, 1)
    assert found.needed > 60


@pytest.mark.parametrize("clustered", [False, True])
def test_the_error_rate_is_kept_when_confidence_is_worthless(clustered):
    wrong = 0
    for seed in range(80):
        known = mixed(0.06, informative=False, seed=seed)
        if clustered:
            order = np.argsort(known.overlap, kind="stable")
            known = Known(known.population, known.overlap[order], known.missed)
        wrong += error_of(known, decided(known, seed=seed)) > 0.05
    assert wrong <= 9


def test_shuffled_answers_are_certified_no_more_often_than_the_risk():
    known = mixed(0.12)
    sample = draw_sample(known.population, seed=1, judged=150)
    answers, rng = known.answers([sample]), np.random.default_rng(0)
    units = sample.of(Grade.JUDGED)
    accepted = 0
    for _ in range(150):
        said = rng.random(len(units)) >= 0.12
        shuffled = {u.key: replace(answers[u.key], good=bool(g)) for u, g in zip(units, said, strict=True)}
        accepted += bool(certify(known.population, [sample], shuffled, CLAIM).accepted)
    assert accepted <= 14


def test_thresholds_follow_from_confidences_alone():
    confidence = np.linspace(0, 1, 600)
    found = thresholds(confidence, Design(600, 100), CLAIM, 0.05)
    assert len(found) == 20
    assert found == tuple(sorted(found, reverse=True))
    assert found[-1] == 0.0
    assert thresholds(confidence, Design(600, 20), CLAIM, 0.05) == ()


def test_categories_have_thresholds_of_their_own_and_a_small_one_leaves_its_risk():
    known = mixed(0.0, n=900)
    category = np.where(np.arange(900) % 3 == 0, 2, 1)
    category[:5] = 3
    known = replace(known, population=replace(known.population, category_id=category))
    found = decided(known, claim=replace(CLAIM, by_category=True), judged=400)
    assert [a.category_id for a in found.accepted] == [1, 2]
    assert [a.masks for a in found.accepted] == [(category == c).sum() for c in (1, 2)]


def test_judges_who_let_bad_masks_pass_need_more_answers():
    known = mixed(0.0, n=3000)
    corrected = replace(CLAIM, judges=(JudgeQuality("ann", 30, 3, 30, 0, 9),))
    assert 0.7 < corrected.noticed < 0.9
    assert not decided(known, claim=corrected, judged=62).accepted
    assert decided(known, claim=corrected, judged=120).accepted
    unknown = replace(CLAIM, judges=(JudgeQuality("ann", 0, 0, 30, 0, 9),))
    assert not decided(known, claim=unknown, judged=400).accepted
    assert decided(known, claim=unknown, judged=400).needed is None
    with pytest.raises(BadAudit, match="only judgements"):
        replace(corrected, grade=Grade.MEASURED)


def test_two_draws_count_together():
    known = mixed(0.0)
    samples = [draw_sample(known.population, seed=1, judged=40, draw=d) for d in (1, 2)]
    assert certify(known.population, samples, known.answers(samples), CLAIM).accepted
    assert not certify(known.population, samples[:1], known.answers(samples), CLAIM).accepted


def test_the_measured_grade_goes_by_overlap():
    known = mixed(0.0)
    sample = draw_sample(known.population, seed=1, judged=0, blind=80)
    claim = replace(CLAIM, grade=Grade.MEASURED, iou=0.95)
    assert not certify(known.population, [sample], known.answers([sample]), claim).accepted
    assert certify(known.population, [sample], known.answers([sample]), replace(claim, iou=0.85)).accepted


def test_judges_who_were_asked_about_another_iou_are_refused():
    known = mixed(0.0)
    with pytest.raises(BadAudit, match="at an IoU of 0.75"):
        decided(known, claim=replace(CLAIM, iou=0.9))
    with pytest.raises(BadAudit, match="draw an audit sample first"):
        certify(known.population, [], {}, CLAIM)


def test_frames_are_certified_by_what_they_lack():
    known = delivery([0.9] * 600, videos=4)
    sample = draw_sample(known.population, seed=1, frames=70)
    answers = known.answers([sample])
    found = certify_frames(known.population, [sample], answers, 0.05, 0.05)
    assert found.accepted[0].masks == 600
    assert 0.03 < found.accepted[0].bound <= 0.05
    key = sample.of(Grade.JUDGED, whole_frames=True)[0].key
    answers[key] = AuditAnswer(key, "ann", "x", missed=1)
    found = certify_frames(known.population, [sample], answers, 0.05, 0.05)
    assert (found.accepted, found.failed) == ((), 1)
    assert found.needed > 70
    with pytest.raises(BadAudit, match="draw a sample first"):
        certify_frames(known.population, [], {}, 0.05, 0.05)


def test_all_looks_together_spend_the_risk():
    assert risk_of_look(1, 0.95) == pytest.approx(0.025)
    assert sum(risk_of_look(k, 0.95) for k in range(1, 2000)) == pytest.approx(0.05, abs=1e-4)
    with pytest.raises(BadAudit, match="at least 0.5"):
        risk_of_look(1, 1.0)
    with pytest.raises(ValueError, match="from 1"):
        risk_of_look(0, 0.95)


def test_what_a_claim_says_lies_between_0_and_1():
    with pytest.raises(BadAudit, match="between 0 and 1"):
        Claim(0.75, 0.0, 0.05, Grade.JUDGED)
