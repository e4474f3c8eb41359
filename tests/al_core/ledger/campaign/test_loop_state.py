"""Rounds and their steps."""

import pytest

from al_core.errors import LedgerConflict
from al_core.settings import Settings
from tests.toys.ledgers import ledger_with_clip


@pytest.fixture
def ledger(tmp_path):
    """A ledger with one clip."""
    return ledger_with_clip(tmp_path)


def test_an_unfinished_round_is_taken_up_with_its_own_settings(ledger):
    first = ledger.begin_round(Settings(seed=1))
    again = ledger.begin_round(Settings(seed=2))
    assert first.round_id == again.round_id == 1
    assert again.settings.seed == 1


def test_the_next_round_begins_when_the_last_is_finished(ledger):
    ledger.begin_round(Settings())
    ledger.finish_round(1, None)
    assert ledger.begin_round(Settings()).round_id == 2


def test_why_a_campaign_ended_is_kept(ledger):
    ledger.begin_round(Settings())
    ledger.finish_round(1, "4 rounds are done")
    assert ledger.last_round().stop_reason == "4 rounds are done"


def test_a_step_is_done_once(ledger):
    assert ledger.begin_step(1, "train", "a") is None
    ledger.finish_step(1, "train", {"checkpoint": "x.pth"}, 1.5)
    assert ledger.begin_step(1, "train", "a").result == {"checkpoint": "x.pth"}
    with pytest.raises(LedgerConflict, match="finished already"):
        ledger.finish_step(1, "train", {}, 1.0)


def test_a_step_that_died_is_begun_again(ledger):
    ledger.begin_step(1, "train", "a")
    assert ledger.begin_step(1, "train", "a") is None
    assert ledger.step(1, "train").attempts == 2


def test_a_finished_step_refuses_other_inputs(ledger):
    ledger.begin_step(1, "train", "a")
    ledger.finish_step(1, "train", {}, 1.0)
    with pytest.raises(LedgerConflict, match="other inputs"):
        ledger.begin_step(1, "train", "b")


def test_a_step_that_failed_says_why_and_is_begun_again(ledger):
    ledger.begin_step(1, "train", "a")
    ledger.fail_step(1, "train", "out of memory")
    assert ledger.step(1, "train").error == "out of memory"
    assert ledger.begin_step(1, "train", "a") is None
    assert (ledger.step(1, "train").error, ledger.step(1, "train").attempts) == ("", 2)


def test_a_reopened_step_is_done_again_and_others_stay(ledger):
    for name in ("train", "predict"):
        ledger.begin_step(1, name, "a")
        ledger.finish_step(1, name, {}, 1.0)
    ledger.reopen_step(1, "train")
    assert [(s.name, s.status == "finished") for s in ledger.steps(1)] == [("train", False), ("predict", True)]
    assert ledger.begin_step(1, "train", "a") is None
    assert ledger.step(1, "select") is None
