"""Commands on frames that are held out."""

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from tests.toys.labelled_project import finished_project, new_project


def run(project, *arguments):
    result = CliRunner().invoke(main, ["holdout", *map(str, arguments), "--project", str(project.root)])
    return result.exit_code, result.output


@pytest.fixture
def built(tmp_path):
    return new_project(tmp_path)


def test_a_whole_video_is_held_out_and_some_frames_are_asked_for(built):
    project, ledger, _ = built
    code, said = run(project, "add", "clip", "--ask", "2")
    assert (code, said) == (
        0,
        "clip: 6 frames newly held out, 6 of 6 in all with these; people are asked for 2\n",
    )
    assert ledger.holdout_frames()["frame_idx"].tolist() == [0, 1, 2, 3, 4, 5]
    listed = run(project, "list")[1].splitlines()[-1].split()
    assert listed == ["clip", "6", "6", "2", "0"]


def test_single_frames_are_held_out_and_given_back(built):
    project, ledger, _ = built
    assert run(project, "add", "clip", "--frames", "1,3-4")[0] == 0
    assert ledger.holdout_frames()["frame_idx"].tolist() == [1, 3, 4]
    code, said = run(project, "remove", "clip", "--frames", "3")
    assert (code, said) == (0, "clip: 1 frame no longer held out; rounds may ask for that\n")
    assert ledger.holdout_frames()["frame_idx"].tolist() == [1, 4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["clip", "--frames", "3-9"], "clip has the frames 0 to 5, got 6"),
        (["clip", "--frames", "0-99999999999"], "clip has the frames 0 to 5, got 6"),
        (["clip", "--frames", "4-3"], "frames are numbers from 0 and ranges, such as 0,5,10-20; got '4-3'"),
        (["clip", "--frames", "x"], "frames are numbers from 0 and ranges, such as 0,5,10-20; got 'x'"),
        (["clap"], "unknown video 'clap'; known: clip. Did you mean 'clip'?"),
    ],
)
def test_frames_that_are_not_there(built, arguments, message):
    code, said = run(built[0], "add", *arguments)
    assert code
    assert message in said


def test_frames_that_the_loop_knows_are_refused(tmp_path):
    project, _, _ = finished_project(tmp_path)
    code, said = run(project, "add", "clip")
    assert code == 1
    assert "the loop learns from labels of the frames 0, 3, so they cannot be held out" in said
    assert run(project, "measure")[1] == (
        "Nothing is measured: no held-out frame is labelled yet, or no round has delivered masks.\n"
    )
