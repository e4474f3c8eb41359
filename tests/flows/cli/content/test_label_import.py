"""The import command: what it says, and what it leaves."""

import pytest
from click.testing import CliRunner

from al_core.records import CategoryTag
from flows.cli.main import main
from tests.toys.labelled_project import coco_file, new_project


@pytest.fixture
def built(tmp_path):
    return new_project(tmp_path)


def run(project, *arguments):
    result = CliRunner().invoke(main, ["import", *map(str, arguments), "--project", str(project.root)])
    return result.exit_code, result.output


def test_labels_come_in_and_the_same_again_changes_nothing(built, tmp_path):
    project, ledger, _ = built
    path = coco_file(tmp_path, [0, 3], category="owl")
    code, said = run(project, path, "--as", "labels", "--author", "kim")
    assert (code, said.splitlines()) == (
        0,
        [
            "clip: 2 frames with 2 objects",
            "new categories: owl",
            "stored: 2 frames, labels of kim; the next round learns from them",
        ],
    )
    assert run(project, path, "--as", "labels") == (0, "2 frames are there already, the same\nNothing is new.\n")
    assert len(ledger.human_labels()) == 2


def test_a_dry_run_stores_nothing(built, tmp_path):
    project, ledger, _ = built
    known = ledger.categories()
    code, said = run(project, coco_file(tmp_path, [0], category="owl"), "--as", "prelabels", "--dry-run")
    assert (code, said.splitlines()[-1]) == (0, "Nothing was stored: --dry-run.")
    assert (ledger.imports(), ledger.categories()) == ([], known)


def test_all_or_nothing_unless_a_part_is_wanted(built, tmp_path):
    project, ledger, _ = built
    path = coco_file(tmp_path, [0, 9])
    code, said = run(project, path, "--as", "labels")
    assert code == 1
    assert "not taken: old.json: clip/00009.jpg: clip has no frame 9" in said
    assert "1 things cannot be taken (see above), so nothing was stored" in said
    assert ledger.human_labels() == []
    code, said = run(project, path, "--as", "labels", "--partial")
    assert code == 0
    assert [label.frame.frame_idx for label in ledger.human_labels()] == [0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["old.json", "--as", "labels", "--map", "a"], "--map expects OLD=NEW, e.g. --map Auto=car, got 'a'"),
        (["no.json", "--as", "labels"], "no.json: there is no such file or folder"),
        (["old.json", "--as", "labels", "--match", "{video}.jpg"], "expected one of {index} (from 0)"),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_line(built, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    coco_file(tmp_path, [0])
    code, said = run(built[0], *arguments)
    assert code
    assert message in said


def test_names_are_printed_as_they_are(tmp_path):
    project, _, _ = new_project(tmp_path, names=("a:b:",))
    code, said = run(project, coco_file(tmp_path, [0], video="a:b:"), "--as", "labels")
    assert code == 0, said
    assert said.startswith("a:b:: 1 frame with 1 object")


def test_tags_come_in_as_a_table(built, tmp_path):
    project, ledger, _ = built
    path = tmp_path / "tags.csv"
    path.write_text("video,first,last,category,present\nclip,0,3,square,0\nclip,4,5,square,1\n")
    code, said = run(project, path, "--as", "tags", "--author", "kim")
    assert (code, said.splitlines()) == (
        0,
        [
            "clip: 1 stretch that show a category, 1 that do not",
            "stored: 2 tags of kim; what they rule out is not delivered from the next round on",
        ],
    )
    assert run(project, path, "--as", "tags")[1].splitlines()[-1] == "Nothing is new."
    assert ledger.category_tags() == {1: (CategoryTag(1, 0, 3, 1, False), CategoryTag(1, 4, 5, 1, True))}


def test_tags_that_cannot_be_so_are_told_and_nothing_is_stored(built, tmp_path):
    project, ledger, _ = built
    path = tmp_path / "tags.csv"
    path.write_text("video,first,last,category,present\nclip,0,3,square,0\nclip,4,6,square,1\n")
    code, said = run(project, path, "--as", "tags")
    assert code == 1
    assert "not taken: tags.csv, line 3: 'clip' has the frames 0 to 5, got 6" in said
    assert "some tags cannot be taken (see above), so nothing was stored" in said
    assert run(project, path, "--as", "tags", "--dry-run")[0] == 0
    assert ledger.category_tags() == {}
    assert "leave out --match, --map, --category and --partial" in run(project, path, "--as", "tags", "--partial")[1]
