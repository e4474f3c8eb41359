"""Commands on versions: the list, the difference of two, and taking answers back."""

import re

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from tests.toys.labelled_project import abandoned_round, copied, finished_project


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("built"))


@pytest.fixture
def project(built, tmp_path):
    """A copy of two finished rounds of one clip, and its ledger."""
    return copied(built, tmp_path)[:2]


@pytest.fixture
def call(project):
    """Run a command in the project; returns (exit code, words of each line)."""

    def run(*arguments):
        done = CliRunner(env={"COLUMNS": "160"}).invoke(main, [*arguments, "--project", str(project[0].root)])
        return done.exit_code, done.output

    return run


def test_versions_list_each_round_with_what_it_delivered(call):
    code, text = call("versions")
    assert code == 0
    (last,) = (line.split() for line in text.splitlines() if line.split()[:1] == ["2"])
    assert last[3:7] == ["2", "2", "2", "1"]
    hashes = re.findall(r"\b[0-9a-f]{12}\b", text)
    assert len(set(hashes)) == 2


def test_a_version_is_one_line_of_80_columns(project):
    arguments = ["versions", "--project", str(project[0].root)]
    lines = CliRunner(env={"COLUMNS": "80"}).invoke(main, arguments).output.splitlines()
    assert [line.split()[0] for line in lines[-2:]] == ["1", "2"]
    assert max(map(len, lines)) <= 80


def test_diff_names_the_masks_that_changed(call):
    code, text = call("diff", "1", "2")
    assert code == 0
    lines = [line.split() for line in text.splitlines()]
    assert ["clip", "5", "1.000", "0", "0", "0", "2", "0"] in lines
    assert ["3", "1", "renamed", "1.000", "teacher", "human"] in lines
    assert "renamed  1.000" not in call("diff", "1", "2", "--most", "0")[1]


def test_diff_says_that_a_round_was_abandoned(call, project):
    assert "abandoned" not in call("diff", "1", "2")[1]
    abandoned_round(*project)
    assert "note: round 3 was abandoned: later rounds" in call("diff", "2", "3")[1]


def test_diff_of_a_round_that_delivered_nothing(call):
    code, text = call("diff", "1", "7")
    assert code != 0
    assert "round with delivered masks '7'; known: 1, 2" in text


def test_rollback_says_first_what_it_would_take_back(call, project):
    _, ledger = project
    code, text = call("rollback", "--frame", "clip:3")
    assert code == 0
    assert "clip:3" in text
    assert "clip:0" not in text
    assert "1 answers would be taken back" in text
    assert len(ledger.human_labels()) == 2


def test_rollback_takes_answers_back(call, project):
    _, ledger = project
    assert call("rollback", "--since-round", "2", "--yes", "--reason", "wrong object")[0] == 0
    assert [label.frame.frame_idx for label in ledger.human_labels()] == [0]
    assert "0 answers would be taken back" in call("rollback", "--since-round", "2")[1]


def test_rollback_needs_to_know_whose_answers(call):
    code, text = call("rollback")
    assert code == 2
    assert "--round, --since-round, --annotator or --frame" in text


@pytest.mark.parametrize("frame", ["clip", "clip:x", ":3", "clip:-1"])
def test_a_frame_is_given_by_video_and_number(call, frame):
    code, text = call("rollback", "--frame", frame)
    assert code == 2
    assert "a frame is given as VIDEO:FRAME, e.g. clip:120" in text


@pytest.mark.parametrize(
    ("frame", "message"), [("clap:0", "'clap'; known: clip"), ("clip:99", "clip has the frames 0 to 5")]
)
def test_a_frame_that_is_not_there(call, frame, message):
    code, text = call("rollback", "--frame", frame)
    assert code != 0
    assert message in text
