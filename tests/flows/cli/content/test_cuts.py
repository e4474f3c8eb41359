"""The command on cuts."""

import pytest
from click.testing import CliRunner

from al_core.project import Project
from al_core.records import Shots
from al_core.settings import Settings
from flows.cli.main import main
from tasks.ledger.client import open_ledger
from tests.toys.labelled_project import new_project
from tests.toys.ledgers import clip, times_us


def run(project, *arguments):
    result = CliRunner().invoke(main, ["cuts", "road", *map(str, arguments), "--project", str(project.root)])
    return result.exit_code, result.output


@pytest.fixture
def searched(tmp_path):
    project = Project.at(tmp_path / "project")
    ledger = open_ledger(project)
    video = ledger.add_video(clip("road", 6), times_us(6))
    ledger.put_shots(video.video_id, Shots((2,), ((2, 4),)))
    return project, ledger


def test_shots_are_listed(searched):
    code, said = run(searched[0])
    assert code == 0
    assert [row.split()[:4] for row in said.splitlines()[2:4]] == [["1", "0", "to", "1"], ["2", "2", "to", "5"]]
    assert said.splitlines()[3].split()[-1] == "0:00.07"
    assert said.splitlines()[-1] == "frames 2 to 4 show the same: people are asked for one of them"


def test_cuts_are_corrected(searched):
    project, ledger = searched
    code, said = run(project, "--add", "4-5", "--remove", "2")
    assert (code, said.splitlines()[0]) == (0, "road: 3 cuts changed; rounds that begin from now on go by it")
    assert ledger.shots()[1].cuts == (4, 5)
    assert run(project, "--add", "4")[1].splitlines()[0] == "road: nothing changes, the cuts are as you say"


def test_a_round_that_is_under_way_goes_on_without(searched):
    project, ledger = searched
    ledger.begin_round(Settings())
    said = run(project, "--add", "4")[1]
    assert "road: 1 cut changed; rounds that begin from now on go by it, round 1 goes on without" in said


def test_frames_that_begin_no_shot_are_refused(searched):
    code, said = run(searched[0], "--add", "0,3")
    assert code == 1
    assert "a cut is told by the first frame of the new shot, which in 'road' is one of 1 to 5, got 0" in said
    assert "road has the frames 0 to 5, got 6" in run(searched[0], "--remove", "2-9")[1]
    assert searched[1].shots()[1].cuts == (2,)


def test_a_video_of_an_earlier_version_is_searched_first(tmp_path):
    _, ledger, _ = new_project(tmp_path, ("road",))
    fresh = Project.at(tmp_path / "earlier")
    earlier = open_ledger(fresh)
    earlier.add_video(ledger.video("road"), times_us(6))
    assert earlier.searched_videos() == []
    assert run(fresh)[0] == 0
    assert earlier.searched_videos() == [1]
