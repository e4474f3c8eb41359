"""What choosing frames gained, as the rounds of a project tell."""

import pytest

from al_core.evaluation.bootstrap import Estimate
from al_core.evaluation.label_credit import LEAST_CONTROL
from tasks.auditing.live_gain import gain_in_words, gain_so_far, proof_so_far
from tests.toys.labelled_project import copied, finished_project


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("control"), quality=None)


def audited(ledger, credits):
    """The first round's audit found these credits."""
    ledger.begin_step(1, "audit", "1" * 64)
    ledger.finish_step(1, "audit", {"credits": credits}, 1.0)


def test_without_random_labels_no_gain_is_told(finished):
    assert gain_so_far(finished[1]) is None


def test_the_gain_of_all_rounds(tmp_path, finished):
    _, ledger, _ = copied(finished, tmp_path)
    audited(ledger, [[0.0, 80.0, 3.0]] * 10 + [[1.0, 80.0, 2.0]] * LEAST_CONTROL)
    assert gain_so_far(ledger).value == pytest.approx(1.5)


def test_how_many_random_labels_are_known_is_told_while_it_is_too_early(tmp_path, finished):
    _, ledger, _ = copied(finished, tmp_path)
    audited(ledger, [[0.0, 80.0, 3.0]] * 10 + [[1.0, 80.0, 2.0]] * (LEAST_CONTROL - 2))
    proof = proof_so_far(ledger)
    assert (proof.gain, proof.n_random) == (None, LEAST_CONTROL - 2)
    assert "3 of 5 random labels are known" in proof.in_words()


def test_words():
    words = "a second of labelling changes 1.50 times as much as at random (1.10 to 2.00)"
    assert gain_in_words(Estimate(1.5, 1.1, 2.0)) == words
