"""Every look at answers is written down, decides once, and spends."""

from dataclasses import replace

import pytest

from al_core.audit.audit_records import Grade, JudgeQuality
from al_core.errors import BadAudit, NotReady
from tasks.certificates.drawing_audits import draw_audit
from tasks.certificates.issuing import FRAMES, Wish, issue, prepare
from tests.toys.audits.audited_project import answer_all, confidence_of, deliver, is_bad, masks_of

WISH = Wish(error=0.05)


def drawn(audited, seed=1, **numbers):
    """A sample that everybody answered."""
    sample = draw_audit(*audited[:2], seed=seed, **{"judged": 200, "frames": 0} | numbers)
    answer_all(audited[1], sample)
    return sample


def test_the_good_masks_are_accepted_and_the_bad_ones_are_not(audited):
    sample = drawn(audited)
    made = issue(*audited[:2], WISH)
    (accepted,) = made.accepted
    assert confidence_of(10) < accepted.confidence < confidence_of(60)
    assert (made.number, made.audited, made.draws, made.seeds) == (1, 200, (1,), (1,))
    assert made.failed == sum(is_bad(u.frame.frame_idx) for u in sample.of(Grade.JUDGED))
    assert made.spent == made.spent_in_all == pytest.approx(0.025)
    assert made.people == ("eve",)
    assert any("what people judged" in sentence for sentence in made.not_covered)
    assert audited[1].certificates() == [made]


def test_masks_that_the_audit_found_bad_are_not_accepted(audited):
    drawn(audited)
    made = issue(*audited[:2], replace(WISH, error=0.3))
    assert made.excluded
    assert all(is_bad(frame_idx) for _, frame_idx, _ in made.excluded)


def test_too_few_answers_are_refused_before_anything_is_looked_at(audited):
    drawn(audited, judged=30)
    with pytest.raises(NotReady, match=r"needs \d+ without a failure \(\d+ with 1, .*certify --ask 0"):
        issue(*audited[:2], WISH)
    assert audited[1].certificates() == []


def test_missing_answers_are_waited_for_or_count_as_bad(audited):
    project, ledger, _ = audited
    draw_audit(project, ledger, seed=1, judged=200, frames=0)
    with pytest.raises(NotReady, match="200 of 200 drawn masks have no answer yet"):
        issue(project, ledger, WISH)
    made = issue(project, ledger, replace(WISH, unanswered=True))
    assert (made.accepted, made.unanswered) == ((), 200)


def test_answers_decide_once(audited):
    drawn(audited)
    first = issue(*audited[:2], WISH)
    with pytest.raises(NotReady, match="0 masks are drawn that no certificate was decided on"):
        issue(*audited[:2], replace(WISH, error=0.1))
    drawn(audited, seed=2)
    second = issue(*audited[:2], WISH)
    assert second.draws == (2,)
    assert second.spent == pytest.approx(0.05 / 6)
    assert second.spent_in_all == pytest.approx(first.spent + second.spent)


def test_a_look_that_certifies_nothing_spends_too(audited):
    project, ledger, _ = audited
    sample = draw_audit(project, ledger, seed=1, judged=200, frames=0)
    answer_all(ledger, sample, wrong=lambda unit: True)
    assert issue(project, ledger, WISH).accepted == ()
    assert prepare(project, ledger, WISH).number == 2


def test_a_dry_run_looks_at_nothing(audited):
    look = prepare(*audited[:2], WISH)
    assert (look.number, look.units, look.size) == (1, (), 240)
    assert look.needed() < look.needed(1)
    assert audited[1].certificates() == []


def test_frames_are_certified_for_themselves(audited):
    drawn(audited, judged=0, blind=0, frames=120)
    made = issue(*audited[:2], replace(WISH, kind=FRAMES))
    assert made.accepted[0].masks == 240
    assert made.accepted[0].bound <= 0.05


def test_measured_certificates_go_by_blind_masks_alone(audited):
    drawn(audited, judged=0, blind=200)
    made = issue(*audited[:2], replace(WISH, grade=Grade.MEASURED))
    assert made.accepted
    assert made.judges == ()
    assert not any("judged" in sentence for sentence in made.not_covered)


def test_judges_without_known_bad_masks_cannot_be_corrected_for(audited):
    drawn(audited, blind=0)
    with pytest.raises(NotReady, match="nothing is known of how many bad masks eve lets pass, who judged 200"):
        issue(*audited[:2], replace(WISH, corrected=True))
    assert not audited[1].certificates()
    made = issue(*audited[:2], WISH)
    assert any("nothing is known of how many bad masks eve lets pass" in sentence for sentence in made.not_covered)


def test_judges_are_measured_on_blind_masks(audited):
    drawn(audited, blind=200)
    made = issue(*audited[:2], replace(WISH, error=0.1, corrected=True))
    (judge,) = made.judges
    assert judge == JudgeQuality("eve", judge.bad, 0, judge.good, 0, 200)
    assert judge.bad > 10
    assert made.accepted
    with pytest.raises(BadAudit, match="use --grade judged"):
        prepare(*audited[:2], replace(WISH, corrected=True, grade=Grade.MEASURED))


def test_a_sample_of_a_delivery_that_was_made_anew_is_refused(audited):
    project, ledger, _ = audited
    drawn(audited)
    deliver(project, ledger, 1, 2, list(masks_of())[:50])
    with pytest.raises(BadAudit, match="delivered anew"):
        issue(project, ledger, WISH)
