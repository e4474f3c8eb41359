"""What labels brought, from the ledger of a project."""

import pytest

from al_core.evaluation.bootstrap import Estimate
from al_core.selection.gain import LEAST_CONTROL
from al_core.settings import Settings
from tasks.steps.audit import gain_in_words, gain_so_far, round_credits
from tasks.steps.select import strategy_of
from tests.toys.contexts import context_of
from tests.toys.labelled_project import copied, finished_project


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("control"), quality=None)


def audited(ledger, credits):
    """The first round's audit found these credits."""
    ledger.begin_step(1, "audit", "1" * 64)
    ledger.finish_step(1, "audit", {"credits": credits}, 1.0)


def test_the_first_round_has_nothing_to_be_held_against(finished):
    project, ledger, _ = finished
    assert round_credits(context_of(project, ledger, 1)) == ()


def test_a_label_is_credited_with_its_seconds_and_what_changed(finished):
    project, ledger, _ = finished
    # Both rounds delivered the same masks: the label of round 2 changed nothing.
    assert round_credits(context_of(project, ledger, 2)) == ((0.0, 80.0, pytest.approx(0.0)),)


def test_without_random_labels_no_gain_is_told(finished):
    assert gain_so_far(finished[1]) is None


def test_the_gain_of_all_rounds(tmp_path, finished):
    _, ledger, _ = copied(finished, tmp_path)
    audited(ledger, [[0.0, 80.0, 3.0]] * 10 + [[1.0, 80.0, 2.0]] * LEAST_CONTROL)
    assert gain_so_far(ledger).value == pytest.approx(1.5)


@pytest.mark.parametrize(("worth", "strategy"), [(3.0, "hybrid"), (1.0, "uniform")])
def test_where_choosing_gains_nothing_frames_are_spread_evenly(tmp_path, finished, worth, strategy):
    _, ledger, _ = copied(finished, tmp_path)
    audited(ledger, [[0.0, 80.0, worth]] * 10 + [[1.0, 80.0, 2.0]] * LEAST_CONTROL)
    found, note = strategy_of(ledger, Settings().changed({"selection.strategy": "hybrid"}))
    assert found == strategy
    assert ("instead of 'hybrid', which gains nothing so far" in note) is (strategy == "uniform")


def test_words():
    words = "a second of labelling changes 1.50 times as much as at random (1.10 to 2.00)"
    assert gain_in_words(Estimate(1.5, 1.1, 2.0)) == words
