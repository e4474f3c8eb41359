"""The program of an audited campaign, on two clips of some tiny frames."""

import json

import pytest
from click.testing import CliRunner

from tests.bench.auditing import audited_campaign
from tests.toys.footage.davis import write_still_scene


@pytest.fixture
def arguments(tmp_path):
    """What starts the campaign, in two rounds."""
    for name, n_frames in (("road", 8), ("lane", 7)):
        write_still_scene(tmp_path / "davis", name, n_frames)
    numbers = ["--rounds", "2", "--per-round", "2", "--judged", "12", "--target", "0.99", "--error", "0.3"]
    return ["--data", str(tmp_path / "davis"), "--work", str(tmp_path / "work"), *numbers, "road", "lane"]


def lines(arguments):
    """What is printed, by step."""
    found = CliRunner().invoke(audited_campaign.main, arguments, catch_exceptions=False)
    assert found.exit_code == 0
    return [json.loads(line) for line in found.output.splitlines()]


def test_rounds_are_played_and_audits_answered_once_and_estimates_stand_beside_the_truth(arguments, tmp_path):
    told = lines(arguments)
    rounds = [one for one in told if one["step"] == "round"]
    assert [one["round"] for one in rounds] == [1, 2]
    assert rounds[0]["human_seconds"] < rounds[1]["human_seconds"]
    assert all("Target: the share of good masks of at least 0.99" in one["target"] for one in rounds)
    found = [one for one in told if one["step"] == "estimate"]
    assert {(one["round"], one["metric"], one["grade"]) for one in found} >= {
        (number, *which) for number in (1, 2) for which in (("good", "judged"), ("j", "measured"), ("missed", "judged"))
    }
    # A delivery that is drawn whole is known, but for the error of judgements.
    assert all(one["covers"] for one in found if one["grade"] == "measured" and one["n"] == one["of"])
    assert "certify" in {one["step"] for one in told}
    assert {page.name for page in (tmp_path / "work" / "pages").iterdir()} == {
        f"{when}_{page}.html" for when in ("before", "after") for page in ("overview", "quality")
    }
    # A campaign that is over is not played again.
    again = lines(arguments)
    assert [one for one in again if one["step"] == "round"] == []
    assert [one for one in again if one["step"] == "estimate" and one["round"] < 3] == found
