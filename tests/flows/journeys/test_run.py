"""The journeys of the loop on real components: a campaign from end to end, and one that is killed again and again."""

import random
import time

import numpy as np
import pytest

from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import Provenance
from tests.flows.campaigns import (
    STEPS,
    assert_one_finished_campaign,
    begin,
    delivered,
    kill_and_run_again,
    run_campaign,
    same_labels,
)
from tests.toys.processes.prepared import PreparedCommand
from tests.toys.projects import fewframes


@pytest.fixture(scope="module")
def finished(tmp_path_factory, trials):
    """A campaign of two rounds that nobody disturbed; returns its project."""
    return run_campaign(tmp_path_factory.mktemp("quiet"), trials)


@pytest.mark.end_to_end
class TestCampaign:
    def test_every_step_of_every_round_is_in_the_ledger_once(self, finished):
        ledger = Ledger(finished.ledger_path)
        for round_id in (1, 2):
            steps = ledger.steps(round_id)
            assert [s.name for s in steps] == STEPS
            assert all(s.status == "finished" and s.attempts == 1 for s in steps)
        assert [r.status for r in ledger.rounds()] == ["finished", "finished"]
        assert ledger.last_round().stop_reason == "all rounds are done: 2 of 2"

    def test_human_frames_are_delivered_as_people_drew_them(self, finished):
        human = {label.frame.frame_idx: label for label in Ledger(finished.ledger_path).human_labels()}
        masks = [m for m in delivered(finished) if m[2] is Provenance.HUMAN]
        assert len(human) == 4
        assert {m[0]: m[3] for m in masks} == {i: label.masks[0].rle for i, label in human.items()}

    def test_the_whole_video_is_labelled_and_measured(self, finished):
        ledger = Ledger(finished.ledger_path)
        assert ledger.frames_covered(2) == 12
        quality = {(row.metric, row.provenance): row.value for row in ledger.quality(2) if row.track_id is None}
        assert quality["j", "all"] > 0.7
        assert np.isclose(quality["jf", "all"], (quality["j", "all"] + quality["f", "all"]) / 2)

    def test_half_of_the_frames_is_chosen_by_value_and_half_by_chance(self, finished):
        ledger = Ledger(finished.ledger_path)
        asked = {round_id: ledger.selection(round_id) for round_id in (1, 2)}
        assert [s.control for s in asked[2]] == [False, True]
        assert "expected to improve frames" in asked[2][0].reason
        assert "drawn at random" in asked[2][1].reason
        (first, second) = ledger.step(2, "audit").result["credits"]
        assert {first[0], second[0]} == {0.0, 1.0}
        assert {first[1], second[1]} == {80.0}

    def test_the_same_command_again_changes_nothing(self, finished):
        before = delivered(finished)
        again = fewframes("run", "--project", finished.root)
        assert again.returncode == 0, again.stderr
        assert "campaign is over" in again.stdout
        assert delivered(finished) == before
        assert len(Ledger(finished.ledger_path).rounds()) == 2

    def test_status_and_report_show_it(self, finished):
        status = fewframes("status", "--project", finished.root)
        assert status.returncode == 0, status.stderr
        report = fewframes("report", "--project", finished.root)
        assert report.returncode == 0, report.stderr
        assert "<html" in (finished.root / "report.html").read_text()[:2000]


@pytest.mark.end_to_end
def test_a_killed_campaign_goes_on_and_ends_the_same(finished, trials, tmp_path):
    project, arguments = begin(tmp_path, trials)
    rng = random.Random(0)
    assert kill_and_run_again(arguments, [rng.uniform(3, 12) for _ in range(2)]) >= 1
    assert_one_finished_campaign(project, finished)


@pytest.mark.end_to_end
@pytest.mark.usefixtures("shared_prefect")
def test_a_backup_taken_while_a_round_runs_is_finished_elsewhere_the_same(finished, trials, tmp_path):
    project, arguments = begin(tmp_path, trials)
    running = PreparedCommand(*arguments)
    try:
        wait_for(lambda: (step := Ledger(project.ledger_path).step(1, "train")) is not None and step.attempts > 0)
        saved = fewframes("backup", tmp_path / "work.tar", "--project", project.root)
    finally:
        running.kill()
        running.wait()
    assert saved.returncode == 0, saved.stderr
    restored = fewframes("restore", tmp_path / "work.tar", tmp_path / "elsewhere")
    assert restored.returncode == 0, restored.stderr
    elsewhere = Project.at(tmp_path / "elsewhere")
    assert Ledger(elsewhere.ledger_path).step(2, "train") is None
    done = fewframes("run", "--project", elsewhere.root, *arguments[3:])
    assert done.returncode == 0, done.stderr
    assert same_labels(elsewhere, finished)


def wait_for(condition, seconds=120):
    """Until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.2)
