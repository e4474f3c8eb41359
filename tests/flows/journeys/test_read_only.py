"""A project that may be read and not written: on a read-only disk, in an archive, or somebody else's."""

import shutil

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from tests.toys.labelled_project import finished_project
from tests.toys.privileges import read_only

LOOKS = [
    ("status",),
    ("settings", "--all"),
    ("sql", "SELECT count(*) FROM answer"),
    ("versions",),
    ("diff", "1", "2"),
    ("annotator", "list"),
    ("report", "--out", "OUT/report.html"),
    ("export", "--format", "coco", "--out", "OUT/coco"),
    ("export", "--format", "overlay-mp4", "--out", "OUT/look.mp4"),
    ("backup", "OUT/work.tar"),
]
CHANGES = [
    ("ingest", "."),
    ("run",),
    ("round",),
    ("serve",),
    ("annotator", "add", "ann"),
    ("rollback", "--round", "1", "--yes"),
    ("snapshot",),
    ("deploy",),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("built"))[0]


@pytest.fixture(scope="module")
def archived(project):
    """The project, read-only while the tests of this module run."""
    shutil.rmtree(project.cache, ignore_errors=True)
    with read_only(project.root):
        yield project


def call(project, out, *words):
    arguments = [str(out / word.removeprefix("OUT/")) if word.startswith("OUT/") else word for word in words]
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, [*arguments, "--project", str(project.root)])


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_what_only_looks_works(archived, tmp_path, words):
    before = sorted(archived.root.rglob("*"))
    done = call(archived, tmp_path, *words)
    assert done.exit_code == 0, done.output
    assert sorted(archived.root.rglob("*")) == before


@pytest.mark.parametrize("words", CHANGES, ids=" ".join)
def test_what_changes_something_is_refused_in_one_line(archived, tmp_path, words):
    done = call(archived, tmp_path, *words)
    assert done.exit_code == 1
    (line,) = done.output.strip().splitlines()
    assert f"{archived.root} is read-only: status, export, report, sql, versions, diff and backup work on it" in line


def test_a_report_needs_a_place(archived, tmp_path):
    done = call(archived, tmp_path, "report")
    assert done.exit_code != 0
    assert "name a place that can be written with --out" in done.output


def test_a_copy_goes_on(archived, tmp_path):
    call(archived, tmp_path, "backup", "OUT/work.tar")
    CliRunner().invoke(main, ["restore", str(tmp_path / "work.tar"), str(tmp_path / "copy")])
    done = CliRunner().invoke(main, ["annotator", "add", "ann", "--project", str(tmp_path / "copy")])
    assert done.exit_code == 0, done.output
