"""Estimates of what rounds delivered, as far as people have answered."""

import pytest

from al_core.audit.audit_records import Grade, QualityEstimate
from tasks.auditing.round_estimates import estimates_now, lower_bound, refresh_estimates, stored_estimates
from tests.toys.audits.answering import drawn, say
from tests.toys.labelled_project import copied, finished_project


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def audited(finished, tmp_path):
    project, ledger, _ = copied(finished, tmp_path)
    return project, ledger, drawn(project, ledger)


def test_nothing_is_estimated_before_anybody_answered(audited):
    project, ledger, sample = audited
    (found,) = estimates_now(project, ledger)
    assert (found.round_id, found.iou, found.answered, found.figures) == (2, sample.iou, 0, ())
    assert found.asked > 0
    assert found.best("good") is None


def test_judged_and_measured_ones_stand_side_by_side(audited):
    project, ledger, sample = audited
    judged = sample.of(Grade.JUDGED)
    for number, unit in enumerate(judged):
        say(ledger, sample, unit, good=number > 0)
    for unit in sample.of(Grade.MEASURED):
        say(ledger, sample, unit)
    (found,) = estimates_now(project, ledger)
    assert found.of("good", Grade.JUDGED).value == pytest.approx(1 - 1 / len(judged))
    assert found.of("good", Grade.MEASURED).value == 1
    assert found.of("j", Grade.JUDGED) is None
    assert found.best("good").grade in Grade
    assert {f.scope for f in found.figures} >= {"all", "video 1", "category 1", "provenance teacher"}


def test_what_is_stored_is_what_was_worked_out_and_is_new_with_each_answer(audited):
    project, ledger, sample = audited
    first, second, *_ = sample.of(Grade.JUDGED)
    say(ledger, sample, first)
    assert refresh_estimates(project, ledger) == 1
    assert refresh_estimates(project, ledger) == 0
    (stored,) = estimates_now(project, ledger)
    assert stored.of("good", Grade.JUDGED).n == 1
    assert [answer.key for answer in ledger.audit_answers(2)] == [first.key]
    say(ledger, sample, second, good=False)
    (worked_out,) = estimates_now(project, ledger)
    assert worked_out.of("good", Grade.JUDGED).n == 2
    assert refresh_estimates(project, ledger) == 1
    assert estimates_now(project, ledger) == (worked_out,)


def test_an_answer_that_is_taken_back_counts_no_more(audited):
    project, ledger, sample = audited
    answer = say(ledger, sample, sample.of(Grade.JUDGED)[0])
    refresh_estimates(project, ledger)
    ledger.withdraw([answer.answer_id], "eve", "wrong")
    (found,) = estimates_now(project, ledger)
    assert found.figures == ()
    refresh_estimates(project, ledger)
    assert ledger.estimates() == []


def test_a_delivery_that_is_gone_says_nothing(audited):
    project, ledger, sample = audited
    say(ledger, sample, sample.of(Grade.JUDGED)[0])
    project.absolute(ledger.delivered_paths(2)[1]).unlink()
    (found,) = estimates_now(project, ledger)
    assert found.figures == ()


def test_a_bound_goes_further_down_only_beyond_what_the_interval_says():
    figure = QualityEstimate("good", 0.9, 0.8, 0.95, Grade.JUDGED, 60, 60.0, 900)
    assert lower_bound(figure, 0.5) == lower_bound(figure, 0.95) == 0.8
    assert lower_bound(figure, 0.99) == pytest.approx(0.9 - 0.1 * 2.326 / 1.96, abs=1e-3)


def test_what_is_stored_can_be_read_without_working_anything_out(audited):
    project, ledger, sample = audited
    assert stored_estimates(ledger) == ()
    for unit in sample.of(Grade.JUDGED):
        say(ledger, sample, unit)
    refresh_estimates(project, ledger)
    assert stored_estimates(ledger) == estimates_now(project, ledger)
