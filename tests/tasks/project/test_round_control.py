"""What is said of rounds that cannot go on, of settings, pauses and abandoned rounds."""

from datetime import datetime

import pytest

from al_core.ledger.campaign.steering import Abandoned, Pause
from al_core.project import Project
from al_core.settings import Settings
from tasks.processes.run_lock import only_run
from tasks.project.round_control import (
    Asked,
    abandoned_in_words,
    ask_for,
    pause_in_words,
    source_of_schedule,
    stuck,
    waiting_settings,
)
from tests.toys.ledgers import ledger_with_clip


@pytest.fixture
def ledger(tmp_path):
    return ledger_with_clip(tmp_path, with_truth=False)


@pytest.fixture
def project(tmp_path):
    return Project.at(tmp_path)


def page(**changes):
    return Settings().changed({"annotator.backend": "page"} | changes)


def test_before_the_first_round_everything_holds_from_the_first(ledger, project):
    assert list(ask_for(project, page(seed=4), "eve").lines(project)) == []
    assert (ledger.wanted(), waiting_settings(ledger)) == (page(seed=4), ())


def test_between_rounds_changes_hold_from_the_next(ledger, project):
    ledger.begin_round(page())
    ledger.finish_round(1, None)
    asked = ask_for(project, page(seed=4), "eve")
    assert list(asked.lines(project)) == ["The change of seed holds from round 2 on."]
    assert waiting_settings(ledger) == ("seed",)


def test_asking_for_what_is_in_force_keeps_nothing(ledger, project):
    ledger.begin_round(page())
    assert ask_for(project, page(), "eve") == Asked(1, 2, (), ())
    assert ledger.wanted() is None


def test_a_step_that_a_run_is_doing_takes_no_change(ledger, project):
    ledger.begin_round(page())
    ledger.begin_step(1, "select", "a")
    with only_run(project.root):
        assert ask_for(project, page(seed=4), "eve").later == ("seed",)
    assert ask_for(project, page(seed=4), "eve").now == ("seed",)


def test_equal_askings_of_a_schedule_have_one_name():
    assert source_of_schedule(None, {"seed": 1}) == source_of_schedule(None, {"seed": 1})
    assert len({source_of_schedule(None, {"seed": 1}), source_of_schedule("quick", {"seed": 1})}) == 2


@pytest.mark.parametrize("backend", ["simulated", "pages"])
def test_a_round_whose_back_end_cannot_answer_is_stuck(ledger, project, backend):
    ledger.begin_round(Settings().changed({"annotator.backend": backend}))
    assert f"fewframes run --set annotator.backend=page --project {project.root}" in stuck(project, ledger)
    assert f"fewframes round --abandon --project {project.root}" in stuck(project, ledger)


def test_a_round_whose_step_failed_is_stuck_unless_a_run_tries_again(ledger, project):
    assert stuck(project, ledger) is None
    ledger.begin_round(page())
    assert stuck(project, ledger) is None
    for _ in range(2):
        ledger.begin_step(1, "train", "a")
        ledger.fail_step(1, "train", "RuntimeError: out of memory.\nmore")
    assert "step 'train' failed 2 times: RuntimeError: out of memory. Change" in stuck(project, ledger)
    with only_run(project.root):
        assert stuck(project, ledger) is None


def test_pauses_and_abandoned_rounds_in_words():
    assert pause_in_words(Pause("eve", datetime(2026, 3, 4, 5, 6))).startswith(
        "paused since 2026-03-04 05:06 UTC by eve"
    )
    assert abandoned_in_words(Abandoned(2, 3, 0, 0)) == (
        "Round 2 is abandoned. Its 3 answers are labels of the next round."
    )
    assert abandoned_in_words(Abandoned(2, 3, 4, 2)).endswith(
        "4 open requests are not asked any more; 2 are in hand, may be finished, and count too."
    )
    assert abandoned_in_words(Abandoned(2, 1, 1, 1)) == (
        "Round 2 is abandoned. Its 1 answer is a label of the next round. 1 open request is not asked any more; "
        "it is in hand, may be finished, and counts too."
    )
