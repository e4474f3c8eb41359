"""Audit samples, their answers and certificates in the ledger."""

from dataclasses import replace

import pytest

from al_core.audit.audit_records import AuditAnswer
from al_core.errors import LedgerConflict
from tests.toys.audits.deliveries import certificate, small_sample
from tests.toys.ledgers import ledger_with_clip


@pytest.fixture
def ledger(tmp_path):
    return ledger_with_clip(tmp_path)


def test_a_sample_comes_back_as_it_was_and_is_stored_once(ledger):
    assert ledger.put_audit_sample(small_sample())
    assert not ledger.put_audit_sample(small_sample())
    assert ledger.audit_samples(1) == [small_sample()]
    assert ledger.audit_samples(2) == []


def test_another_sample_of_the_same_number_is_refused(ledger):
    ledger.put_audit_sample(small_sample())
    with pytest.raises(LedgerConflict, match="another audit sample number 1"):
        ledger.put_audit_sample(replace(small_sample(), seed=8))
    with pytest.raises(LedgerConflict, match="is number 2"):
        ledger.put_audit_sample(small_sample(3))


def test_the_newest_answer_counts_and_those_before_are_kept(ledger):
    mask, blind, frame = (unit.key for unit in small_sample().units)
    first = [AuditAnswer(mask, "ann", "a1", good=True), AuditAnswer(blind, "ann", "a2", j=0.5, f=0.25, seconds=9.0)]
    assert ledger.put_audit_answers(1, first) == 2
    assert ledger.put_audit_answers(1, first) == 0
    known = ledger.audit_answers_so_far()
    changed = AuditAnswer(mask, "eve", "a3", good=False)
    assert ledger.put_audit_answers(1, [changed, AuditAnswer(frame, "eve", "a4", missed=2)]) == 2
    assert ledger.audit_answers(1)[:2] == [changed, first[1]]
    assert ledger.audit_answers(1, as_of=known) == first
    assert ledger.audit_answers(2) == []


def test_certificates_are_numbered_one_after_the_other(ledger):
    ledger.put_certificate(certificate())
    with pytest.raises(LedgerConflict, match="number 2, not 1"):
        ledger.put_certificate(certificate())
    ledger.put_certificate(certificate(2))
    assert ledger.certificates() == [certificate(), certificate(2)]
