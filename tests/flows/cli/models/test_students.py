"""Commands about students: the list, the pin, and files for others."""

import pytest
from click.testing import CliRunner

from al_core.ledger.store import Ledger
from flows.cli.main import main
from tests.toys.labelled_project import finished_project
from tests.toys.models.trained_project import settings_of, train_round, trained_project


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A project with the students of two rounds."""
    project, ledger = trained_project(tmp_path_factory.mktemp("trained") / "work")
    train_round(project, ledger, settings_of(project.root))
    return project.root


def call(root, *words):
    return CliRunner(env={"COLUMNS": "120"}).invoke(main, [*map(str, ("student", *words)), "--project", str(root)])


def rows(root):
    return [line.split() for line in call(root, "list").output.splitlines()[2:]]


def test_every_student_has_a_line(root):
    first, second = rows(root)
    assert (first[0], first[3:6]) == ("1", ["2", "random", "weights"])
    assert (second[:3], second[5:8]) == (["2", "in", "use"], ["2", "round", "1"])
    assert first[-2:] != ["-", "gone"]


def test_a_pin_holds_until_the_newest_is_asked_for(root):
    assert "The student of round 1 is used" in call(root, "pin", 1).output
    assert [line[:2] for line in rows(root)] == [["1", "pinned"], ["2", rows(root)[1][1]]]
    assert Ledger(root / "ledger.duckdb").pinned_student() == 1
    assert "The newest student is used again" in call(root, "pin", "--newest").output
    assert [line[:2] for line in rows(root)][1] == ["2", "in"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("pin",), "name the round whose student is used, e.g. 3, or say --newest"),
        (("pin", "1", "--newest"), "or say --newest"),
        (("pin", "9"), "unknown round with a student '9'; known: 1, 2"),
        (("export", "x", "--round", "9"), "unknown round with a student '9'; known: 1, 2"),
        (("export", "x", "--weights", "best"), "unknown member of the student 'best'; known: student, teacher 0.5 of"),
    ],
)
def test_a_mistake_is_told(root, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    done = call(root, *words)
    assert done.exit_code != 0
    assert message in done.output
    assert not (tmp_path / "x").exists()


def test_a_student_is_given_away(root, tmp_path):
    done = call(root, "export", tmp_path / "out", "--round", 1)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        f"{tmp_path / 'out'}: teacher 0.9 of seed 0 of round 1: config.py, model.pth, README.md",
        f"next: look at {tmp_path / 'out' / 'README.md'}; it says how plain mmdet predicts with it",
    ]


def test_without_a_student_it_says_how_to_get_one(tmp_path):
    project = finished_project(tmp_path)[0]
    for words in (("list",), ("export", tmp_path / "out")):
        assert "no round has trained a student yet" in call(project.root, *words).output
