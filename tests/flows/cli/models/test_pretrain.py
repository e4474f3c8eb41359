"""The command that trains networks on a project's whole footage."""

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from tests.toys.labelled_project import finished_project


@pytest.fixture
def root(tmp_path):
    return finished_project(tmp_path)[0].root


def call(root, *words):
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, [*map(str, words), "--project", str(root)])


def test_both_are_trained_told_and_forgotten(root):
    done = call(root, "pretrain", "--encoder", "--parent", "--steps", 2)
    assert done.exit_code == 0, done.output
    encoder, parent = [line for line in done.output.splitlines() if "rounds that begin from now on" in line]
    assert encoder.startswith("encoder learnt on 6 frames of 1 video in 2 steps")
    assert parent.startswith("parent learnt on 2 frames of 1 video in 2 steps")
    assert parent.endswith("use it, with --set propagation.parent=project")
    status = call(root, "status").output
    assert "Encoder learnt on 6 frames of 1 video in 2 steps" in status
    assert "Parent learnt on 2 frames of 1 video in 2 steps" in status
    forgotten = call(root, "pretrain", "--encoder", "--forget")
    assert forgotten.output == "encoder: used by no round that begins from now on\n"
    assert call(root, "pretrain", "--encoder", "--forget").output == "encoder: there was none\n"
    status = call(root, "status").output
    assert "Encoder" not in status
    assert "Parent" in status


def test_a_camera_that_stands_is_told_in_one_line(root):
    done = call(root, "pretrain", "--depth", "--steps", 2)
    assert done.exit_code == 1
    (line,) = done.output.strip().splitlines()
    assert "so the camera stands, or the clip is too short" in line
    assert "Depth" not in call(root, "status").output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--encoder, --parent, --depth, or several of them"),
        (("--encoder", "--steps", 0), "0"),
        (("--encoder", "--focal", 1), "give --depth too"),
        (("--encoder", "--pictures", "there"), "give --depth too"),
    ],
)
def test_a_mistake_is_told(root, words, message):
    done = call(root, "pretrain", *words)
    assert done.exit_code == 2
    assert message in done.output
