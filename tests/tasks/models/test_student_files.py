"""A student is written as files for others, whole or not at all, with a card that tells what it is."""

import pytest

from al_core.errors import BadCheckpoint, NotReady, OutputExists
from al_core.fingerprint import fingerprint_file
from al_core.project import Project
from tasks.ledger.client import open_ledger
from tasks.models.round_students import chosen_student
from tasks.models.student_files import onnx_writer, write_student
from tests.toys.models.trained_project import trained_project


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(project, ledger, student) of a trained round."""
    project, ledger = trained_project(tmp_path_factory.mktemp("trained") / "work")
    return project, ledger, chosen_student(project, ledger)


def test_the_files_lie_together_and_the_card_names_their_hashes(built, tmp_path):
    done = write_student(*built, tmp_path / "out")
    assert (done.member, done.files) == ("teacher 0.9 of seed 0", ("config.py", "model.pth", "README.md"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["README.md", "config.py", "model.pth"]
    card = (tmp_path / "out" / "README.md").read_text()
    assert "# Student of round 1 of work" in card
    assert f"| SHA-256 of model.pth | `{fingerprint_file(tmp_path / 'out' / 'model.pth')}` |" in card
    assert "scaled to 64 pixels" in card


def test_another_member_is_written_when_named(built, tmp_path):
    assert write_student(*built, tmp_path / "out", "student").member == "student"


def test_what_is_there_stays_unless_it_is_a_student_that_may_be_replaced(built, tmp_path):
    out = tmp_path / "out"
    write_student(*built, out)
    before = (out / "README.md").read_bytes()
    with pytest.raises(OutputExists, match="is there already"):
        write_student(*built, out)
    assert (out / "README.md").read_bytes() == before
    assert write_student(*built, out, "student", overwrite=True).member == "student"
    assert b"| weights | student |" in (out / "README.md").read_bytes()
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("...")
    with pytest.raises(OutputExists, match="holds something else than a student"):
        write_student(*built, other, overwrite=True)


def test_nothing_appears_when_one_file_cannot_be_made(built, tmp_path):
    def fails(model, path):
        raise BadCheckpoint("no such graph")

    with pytest.raises(BadCheckpoint, match="no such graph"):
        write_student(*built, tmp_path / "out", onnx=fails)
    assert list(tmp_path.iterdir()) == []


def test_what_the_card_says_of_another_file_is_told_by_who_writes_it(built, tmp_path):
    def writes(model, path):
        path.write_bytes(b"graph")
        return "The output is called masks."

    done = write_student(*built, tmp_path / "out", onnx=writes)
    assert done.files == ("config.py", "model.pth", "model.onnx", "README.md")
    assert "## ONNX\n\nThe output is called masks." in (tmp_path / "out" / "README.md").read_text()


def test_a_graph_needs_the_size_of_a_video(tmp_path):
    with pytest.raises(NotReady, match="the project has no video that gives it"):
        onnx_writer(open_ledger(Project.at(tmp_path / "empty")))
