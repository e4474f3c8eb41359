"""Commands on categories and the guide."""

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from flows.cli.main import main
from tests.toys.labelled_project import finished_project, new_project


def run(project, *arguments):
    result = CliRunner().invoke(main, [*map(str, arguments), "--project", str(project.root)])
    return result.exit_code, result.output


@pytest.fixture
def built(tmp_path):
    return new_project(tmp_path)


def test_a_category_is_added_shown_and_changed(built, tmp_path):
    project, ledger, _ = built
    cv2.imwrite(str(tmp_path / "one.png"), np.zeros((8, 8, 3), np.uint8))
    arguments = ["--colour", "#3366cc", "--description", "no vans", "--key", "3", "--example", tmp_path / "one.png"]
    code, said = run(project, "category", "add", "car", *arguments)
    assert (code, said) == (0, "car: category 3; it can be chosen at once, and the next round learns it\n")
    listed = run(project, "category", "list")[1]
    assert "#3366cc" in listed
    assert "no vans" in listed
    assert ledger.category_example(3).startswith(b"\xff\xd8")


def test_labels_follow_a_merge_and_stay_when_a_category_is_removed(tmp_path):
    project, ledger, _ = finished_project(tmp_path)
    assert run(project, "category", "add", "shape")[0] == 0
    assert run(project, "category", "merge", "square", "shape") == (
        0,
        "square is shape now, with 2 masks in 2 labelled frames\n",
    )
    assert run(project, "category", "rename", "shape", "box")[1] == "shape is called box now\n"
    code, said = run(project, "category", "remove", "box")
    assert code == 0
    assert said.startswith("box is removed; 2 masks in 2 labelled frames stay stored and count as background. It comes")
    assert [label.masks for label in ledger.human_labels()] == [(), ()]
    run(project, "category", "add", "box")
    assert [len(label.masks) for label in ledger.human_labels()] == [1, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "a,b"], "expected the name of one category, e.g. 'car', got 'a,b'"),
        (["add", "car", "--colour", "red"], "expected a colour such as #3366cc, got 'red'"),
        (["add", "car", "--key", "12"], "the key of a category is a digit from 1 to 9, got '12'"),
        (["add", "car", "--example", "nowhere.png"], "nowhere.png: there is no such file"),
        (["add", "SQUARE"], "there is a category 'square' already"),
        (["rename", "squar", "box"], "unknown category 'squar'; known: object, square. Did you mean 'square'?"),
        (["rename", "square", "object"], "there is or was a category 'object'"),
        (["merge", "square", "square"], "a category is merged into another one, got 'square' twice"),
        (["remove", "cat"], "unknown category 'cat'"),
    ],
)
def test_what_cannot_be_done_is_one_line(built, arguments, message):
    project, ledger, _ = built
    code, said = run(project, "category", *arguments)
    assert code
    assert message in said
    assert "Traceback" not in said
    assert list(ledger.categories().values()) == ["square", "object"]


def test_the_guide_is_shown_printed_and_taken_away(built, tmp_path):
    project, ledger, _ = built
    assert run(project, "guide")[1].startswith("There is no guide yet")
    (tmp_path / "guide.md").write_text("# Squares")
    assert run(project, "guide", tmp_path / "guide.md")[1] == f"people see {tmp_path / 'guide.md'} on the page now\n"
    assert run(project, "guide")[1] == "# Squares\n"
    code, said = run(project, "guide", tmp_path / "guide.md", "--remove")
    assert code == 2
    assert "not both" in said
    assert run(project, "guide", "--remove")[1] == "people see no guide any more\n"
    assert ledger.guide() == ""
