"""The measures of the source tree, on a tree of a few lines, and the rules that the real one keeps."""

import pytest

from tests.house import ROOT, House, Module, measured, mirrored, table


@pytest.fixture
def house(tmp_path):
    """A function that writes files, path -> text, and reads the tree that they make."""

    def build(files):
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return House(tmp_path)

    return build


def function(lines, name="work", parameters=""):
    """A function of so many lines."""
    return "\n".join([f"def {name}({parameters}):", *["    work = 1"] * (lines - 1), ""])


def test_modules_are_counted_by_folder_without_init(house):
    names = ("tasks/__init__.py", "tasks/a.py", "tasks/web/b.py", "tasks/web/c.py", "tests/bench/d.py")
    assert house(dict.fromkeys(names, "")).folders() == {"tasks": 1, "tasks/web": 2, "tests/bench": 1}


def test_a_small_file_has_fewer_than_40_lines(house):
    files = {"flows/__init__.py": "", "flows/small.py": "x = 1\n" * 39, "flows/large.py": "x = 1\n" * 40}
    assert house(files).small_files() == ["flows/small.py: 39"]


def test_a_name_on_two_files_is_told_with_its_folders(house):
    names = ("al_core/train.py", "tasks/steps/train.py", "tasks/steps/predict.py", "tests/predict.py")
    empty = {"al_core/__init__.py": "", "tasks/__init__.py": "", **dict.fromkeys(names, "")}
    assert house(empty).shared_names() == ["train: al_core, tasks/steps"]


def test_a_clump_is_all_four_parameters(house):
    four, three = "project, ledger, *, frames, settings", "project, ledger, frames"
    files = {"tasks/a.py": function(2, "four", four) + function(2, "three", three)}
    assert house(files).clumps() == ["tasks/a.py:1 four"]


def test_a_long_function_has_more_than_60_lines(house):
    files = {"tasks/a.py": function(60, "short") + function(61, "long")}
    assert house(files).long_functions() == ["tasks/a.py:61 long: 61"]


def test_grade_d_begins_at_21_ways_through_a_function(house):
    ways = {name: f"def {name}(x):\n" + "    if x:\n        x += 1\n" * ifs for name, ifs in (("c", 19), ("d", 20))}
    assert house({"tasks/a.py": ways["c"] + ways["d"]}).tangled() == ["tasks/a.py:40 d: D (21)"]


def test_a_docstring_that_tells_instead_of_asking_is_found(house):
    told = 'def told():\n    """Returns one."""\n'
    asked = 'def asked():\n    """Return one."""\n'
    assert house({"tasks/a.py": asked + told, "tests/b.py": told}).not_imperative() == ["tasks/a.py:4"]


def test_a_module_of_61_lines_needs_a_test_at_the_mirrored_place(house):
    long, short = "x = 1\n" * 61, "x = 1\n" * 60
    files = {"tasks/web/a.py": long, "tasks/web/b.py": long, "tasks/web/c.py": short, "tests/tasks/web/test_a.py": ""}
    assert house(files).untested() == ["tasks/web/b.py: 61"]


@pytest.mark.parametrize(
    ("source", "test"),
    [
        ("al_core/files.py", "tests/al_core/test_files.py"),
        ("al_core/export/__init__.py", "tests/al_core/export/test_export.py"),
    ],
)
def test_the_mirrored_place(source, test):
    assert mirrored(ROOT.joinpath(source).relative_to(ROOT)).as_posix() == test


def test_public_functions_without_docstring_are_found(house):
    text = 'class A:\n    def told(self):\n        """Tell."""\n    def silent(self):\n        def inner(): ...\n'
    found = house({"tasks/a.py": text + "def _private(): ...\nasync def also(): ...\n"})
    assert found.undocumented() == ["tasks/a.py:7 also", "tasks/a.py:4 silent"]
    assert measured(found)["public functions with a docstring"].figure == "33.3%"


def test_silenced_checks_and_skipped_tests_are_found(house):
    skip, ignore, noqa = "pytest." + "skip('why')", "x = 1  # " + "type: ignore[misc]", "y = 1  # " + "noqa: E501"
    mark = "@pytest.mark." + "skipif(True)"
    found = house({"tasks/a.py": f"{ignore}\nz = 1\n{noqa}\n", "tests/test_a.py": f"{skip}\n{mark}\n"})
    assert found.exemptions() == ["tasks/a.py:1", "tasks/a.py:3", "tests/test_a.py:1", "tests/test_a.py:2"]


def test_a_test_that_imports_another_is_found(house):
    lines = ["import " + "tests.tasks.test_a", "from tests.tasks import " + "test_b", "from tests.toys import clips"]
    found = house({"tests/b.py": "\n".join(lines)}).tests_as_libraries()
    assert found == [f"tests/b.py: {line}" for line in lines[:2]]


def test_the_table_shows_both_states_beside_what_is_wanted(house):
    before = measured(house({"tasks/a.py": function(61)}))
    after = measured(house({"tasks/a.py": function(60)}))
    lines = table(before, after, "1234567").splitlines()
    assert lines[:2] == ["|  | 1234567 | now | wanted |", "| --- | --- | --- | --- |"]
    assert "| functions over 60 lines | 1 | 0 | 0 |" in lines
    assert "| source | 1 files, 61 lines | 1 files, 60 lines | 34,500 lines |" in lines
    assert len(lines) == 2 + len(after)


def test_a_module_knows_its_length():
    assert Module(ROOT, "a\nb\n").lines == 2


@pytest.fixture(scope="module")
def ours():
    """Every measure of this repository's tree."""
    return measured(House(ROOT))


RULES = {
    "modules over 60 lines without a mirrored test": 0,
    "noqa, type: ignore and skips": 45,
    "base names on two or more files": 8,
    "functions with project, ledger, frames and settings": 2,
    "functions over 60 lines": 0,
    "complexity of grade D or worse": 0,
    "docstrings not in the imperative (D401)": 0,
    "modules in the fullest folder": 0,
    "imports of one test file by another": 0,
}
"""How many places of this tree may break each rule; a full folder has more than 12 modules."""


@pytest.mark.parametrize("what", RULES)
def test_this_tree_keeps_the_rules(ours, what):
    places = ours[what].places
    assert len(places) <= RULES[what], "\n".join(places)


def test_al_core_itself_holds_the_ground_and_nothing_else():
    found = {path.stem for path in (ROOT / "al_core").glob("*.py")}
    assert found == {"__init__", "errors", "records", "settings", "project", "fingerprint", "files"}


def test_most_public_functions_say_what_they_do(ours):
    assert float(ours["public functions with a docstring"].figure.rstrip("%")) >= 94
