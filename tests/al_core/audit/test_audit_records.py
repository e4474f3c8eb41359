"""What an audit is made of checks itself, and a certificate shows whether it was changed."""

from dataclasses import replace

import numpy as np
import pytest

from al_core.audit.audit_records import AuditAnswer, AuditUnit, Certificate, Grade, JudgeQuality, Population, UnitKey
from al_core.errors import BadAudit
from al_core.records import FrameRef
from tests.toys.audits.deliveries import certificate, delivery, small_sample


def test_a_certificate_comes_back_as_it_was():
    made = replace(certificate(), judges=(JudgeQuality("ann", 4, 1, 8, 0, 20),), excluded=((1, 2, 3),))
    again = Certificate.from_json(made.to_json())
    assert again == made
    assert again.certificate_id == made.certificate_id


@pytest.mark.parametrize(("field", "value"), [("error", 0.01), ("failed", 0), ("grade", "measured"), ("people", [])])
def test_a_changed_certificate_is_refused(field, value):
    stored = certificate().to_json()
    with pytest.raises(BadAudit, match="was changed after it was made"):
        Certificate.from_json(stored | {field: value})


def test_what_is_no_certificate_is_told():
    with pytest.raises(BadAudit, match="no certificate of fewframes"):
        Certificate.from_json({"certificate_id": "c1-ab"})


def test_an_answer_says_what_its_unit_asks():
    mask, blind, frame = (unit.key for unit in small_sample().units)
    assert AuditAnswer(mask, "ann", "1", good=True).is_good(0.9)
    assert not AuditAnswer(blind, "ann", "1", j=0.8).is_good(0.9)
    for key in (mask, blind, frame):
        with pytest.raises(BadAudit, match="as its unit asks"):
            AuditAnswer(key, "ann", "1")
    with pytest.raises(BadAudit):
        AuditAnswer(blind, "ann", "1", j=1.5)


def test_a_unit_is_drawn_with_a_probability():
    with pytest.raises(BadAudit, match="probability"):
        AuditUnit(FrameRef(1, 0), 1, Grade.JUDGED, 0.0)
    with pytest.raises(BadAudit, match="pair"):
        AuditUnit(FrameRef(1, 0), 1, Grade.MEASURED, 0.5, pair=True)


def test_a_unit_stands_once_in_a_sample():
    sample = small_sample()
    with pytest.raises(BadAudit, match="once per grade"):
        replace(sample, units=(*sample.units, sample.units[0]))


def test_pairs_are_none_of_the_drawn_masks():
    unit = replace(small_sample().units[0], track_id=2, pair=True)
    sample = replace(small_sample(), units=(*small_sample().units, unit))
    assert [u.track_id for u in sample.of(Grade.JUDGED)] == [1]
    assert [u.track_id for u in sample.of(Grade.JUDGED, whole_frames=True)] == [0]


def test_a_population_finds_its_masks_and_no_others():
    population = delivery([0.9] * 8).population
    unit = AuditUnit(FrameRef(2, 1), 1, Grade.JUDGED, 0.5)
    assert population.rows_of([unit]).tolist() == [5]
    with pytest.raises(BadAudit, match="draw a new one"):
        population.rows_of([replace(unit, track_id=2)])


def test_two_populations_with_one_digest_are_the_same():
    first = delivery([0.9] * 8).population
    assert first.digest == delivery([0.9] * 8).population.digest
    assert first.digest != delivery([0.9] * 7 + [0.8]).population.digest


def test_columns_have_one_length():
    two, one = np.arange(2), np.arange(1)
    with pytest.raises(ValueError, match="one length"):
        Population(1, two, two, two, two, np.array(["teacher"] * 2), one.astype(float), two, two)


def test_judges_add_up_and_make_no_more_errors_than_judgements():
    assert JudgeQuality("all", 4, 1, 8, 0) + JudgeQuality("ann", 1, 1, 2, 2) == JudgeQuality("all", 5, 2, 10, 2)
    with pytest.raises(BadAudit):
        JudgeQuality("ann", 1, 2, 0, 0)


def test_keys_are_ordered():
    assert UnitKey(1, 2, 3, Grade.JUDGED) < UnitKey(1, 3, 0, Grade.JUDGED)
