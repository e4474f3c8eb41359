"""Commands on the videos of a project."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from tests.toys.labelled_project import finished_project, new_project


def run(project, *arguments, said=None):
    wide = {"COLUMNS": "400"}
    result = CliRunner(env=wide).invoke(
        main, ["video", *map(str, arguments), "--project", str(project.root)], input=said
    )
    return result.exit_code, result.output


@pytest.fixture
def built(tmp_path):
    return new_project(tmp_path, ("one", "two"))


def test_excluded_and_included(tmp_path):
    project, ledger, _ = finished_project(tmp_path)
    code, said = run(project, "exclude", "clip", "--reason", "blurred")
    assert (code, said) == (0, "clip is excluded; 2 answers stay stored, 0 open requests ended\n")
    assert "excluded blurred" in " ".join(run(project, "list")[1].split())
    assert ledger.pool_lengths() == {}
    assert len(ledger.human_labels()) == 2
    status = CliRunner(env={"COLUMNS": "400"}).invoke(main, ["status", "--project", str(project.root)]).output
    assert "excluded: clip" in status
    assert "all videos are excluded; take one back: fewframes video include NAME" in status
    assert run(project, "include", "clip")[1] == "clip is in the loop again; the next round may ask for its frames\n"
    assert ledger.pool_lengths() == {1: 6}


def test_priority_and_people(built):
    project, ledger, _ = built
    ledger.add_annotator("ann")
    assert run(project, "priority", "two", "-3")[0] == 0
    assert run(project, "assign", "two", "ann") == (0, "two: its frames go to ann\n")
    care = ledger.video_cares()[2]
    assert (care.priority, care.assignees) == (-3, ("ann",))
    assert run(project, "assign", "two") == (0, "two: its frames go to everybody\n")


def test_moved_footage_is_found_again(built, tmp_path):
    project, ledger, _ = built
    Path(ledger.video("one").uri).rename(tmp_path / "moved")
    assert "footage is gone" in " ".join(run(project, "list")[1].split())
    code, said = run(project, "relocate", tmp_path / "source")
    assert code == 1
    assert "the footage of one was not found there; name other folders" in said
    code, said = run(project, "relocate", tmp_path / "moved")
    assert code == 0
    assert f"is now {tmp_path / 'moved'}\n" in said


def test_purged_only_after_a_yes(tmp_path):
    project, ledger, _ = finished_project(tmp_path)
    code, said = run(project, "purge", "clip", said="n\n")
    assert code == 1
    assert "rows of the ledger:" in said
    assert len(ledger.videos()) == 1
    code, said = run(project, "purge", "clip", "--yes")
    assert code == 0
    assert "clip is purged:" in said
    assert ledger.videos() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["exclude", "on"], "unknown video 'on'; known: one, two. Did you mean 'one'?"),
        (["include", "one"], "the video is not excluded"),
        (["priority", "one", "5000"], "5000 is not in the range -1000<=x<=1000"),
        (["assign", "one", "nobody"], "nobody"),
        (["relocate", "nowhere"], "nowhere: there is no such file or folder"),
        (["purge", "on", "--yes"], "unknown video 'on'"),
    ],
)
def test_what_cannot_be_done_is_one_line(built, arguments, message):
    project, ledger, _ = built
    code, said = run(project, *arguments)
    assert code
    assert message in said
    assert "Traceback" not in said
    assert len(ledger.pool_lengths()) == 2
