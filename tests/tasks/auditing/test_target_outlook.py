"""When a target of quality will be met, in words, by what is stored of a campaign."""

import pytest

from al_core.audit.audit_records import Grade, QualityEstimate
from al_core.settings import Settings
from tasks.auditing.round_estimates import RoundEstimates
from tasks.auditing.target_outlook import target_outlook
from tests.toys.ledgers import asked, ledger_with_clip, mask_answer

TARGET = Settings().changed({"stopping.target_quality": 0.9, "audit.judged": 200})


@pytest.fixture
def ledger(tmp_path):
    """A ledger with four rounds, in each of which a person labelled a frame."""
    found = ledger_with_clip(tmp_path)
    with found.held():
        for number in range(1, 5):
            found.begin_round(TARGET)
            for request in asked(found, number, round_id=number):
                found.put_answer(mask_answer(request, f"a{number}"))
            found.finish_round(number, None)
    return found


def estimated(*values, grade=Grade.JUDGED):
    """An audit of each round with 200 answers."""
    return [
        RoundEstimates(n, 0.75, 200, 200, (QualityEstimate("good", v, v - 0.05, v + 0.02, grade, 200, 200.0, 9000),))
        for n, v in enumerate(values, start=1)
    ]


def test_there_is_none_without_a_target(ledger):
    assert target_outlook(ledger, Settings(), estimated(0.7)) is None


def test_before_three_audited_rounds_nothing_is_forecast(ledger):
    told = target_outlook(ledger, TARGET, []).in_words()
    assert "Target: the share of good masks of at least 0.9, assured with 95 % confidence." in told
    assert told.endswith("forecast from 3 audited rounds on; 0 rounds are known.")
    found = target_outlook(ledger, TARGET, estimated(0.7, 0.8))
    assert "The audit of round 2 assures 0.750 (judged, 0.800 on 200 answers)." in found.in_words()
    assert found.forecast is None


def test_the_forecast_says_when_with_its_interval_and_how_earlier_ones_fared(ledger):
    found = target_outlook(ledger, TARGET, estimated(0.7, 0.8, 0.86, 0.88))
    assert [point.seconds for point in found.points] == sorted({point.seconds for point in found.points})
    assert found.forecast.to_target.low <= found.forecast.to_target.value <= found.forecast.to_target.high
    assert found.round_seconds == pytest.approx(found.points[-1].seconds / 4)
    told = found.in_words()
    assert "It is expected to be met after about " in told
    assert "with 95 % confidence); an audit assures it from an estimate of about 0.9" in told
    assert told.endswith("Of 1 forecast of a round's estimate, 1 held.")


def test_what_is_assured_is_met_and_what_does_not_rise_never_is(ledger):
    assert target_outlook(ledger, TARGET, estimated(0.7, 0.8, 0.97)).when() == "It is met."
    assert "not expected to be met as things go" in target_outlook(ledger, TARGET, estimated(0.8, 0.8, 0.8)).when()


def test_what_was_judged_and_what_was_measured_make_no_curve_together(ledger):
    mixed = [*estimated(0.7, 0.8), *estimated(0.1, 0.1, 0.86, grade=Grade.MEASURED)[2:]]
    assert [point.round_id for point in target_outlook(ledger, TARGET, mixed).points] == [3]
