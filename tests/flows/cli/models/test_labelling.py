"""The command that labels new footage."""

import csv

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from tests.toys.labelled_project import finished_project
from tests.toys.models.trained_project import trained_project, write_squares


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return trained_project(tmp_path_factory.mktemp("trained") / "work")[0].root


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    return write_squares(tmp_path_factory.mktemp("new") / "walk", n_frames=4)


def call(root, *words):
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, [*map(str, ("predict", *words)), "--project", str(root)])


def test_new_footage_is_labelled_and_told(root, footage, tmp_path):
    words = (footage, "--out", tmp_path / "out", "--format", "davis", "--format", "coco", "--threshold", 0, "--empty")
    done = call(root, *words)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[:2] == ["student of round 1, trained on 2 labelled frames", "labelled: walk: 4 of 4 frames"]
    assert "davis, 1 video, 4 frames" in done.output
    assert lines[-1] == f"uncertainty of every frame: {tmp_path / 'out' / 'uncertainty.csv'}"
    with (tmp_path / "out" / "uncertainty.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 4
    assert "labelled before: walk: 4 of 4 frames" in call(root, *words).output


def test_what_fails_is_told_with_exit_code_1(root, footage, tmp_path):
    broken = write_squares(tmp_path / "broken", n_frames=2)
    (broken / "00000.png").write_bytes(b"...")
    done = call(root, broken, footage, "--out", tmp_path / "out", "--no-images")
    assert done.exit_code == 1
    assert "failed: " in done.output
    assert done.output.splitlines()[-1] == "Error: 1 of 2 could not be labelled (see above)"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gone.mp4", "--out", "x"), "there is no such file or folder"),
        (("FOOTAGE", "--out", "x", "--frames", "3-1"), "frames are numbers from 0 and ranges"),
        (("FOOTAGE", "--out", "x", "--frames", "1", "--stride", 2), "not both"),
        (("FOOTAGE", "--out", "x", "--round", 7), "unknown round with a student '7'; known: 1"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(root, footage, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    done = call(root, *(footage if word == "FOOTAGE" else word for word in words))
    assert done.exit_code == 1
    (line,) = done.output.splitlines()
    assert message in line
    assert not (tmp_path / "x").exists()


def test_a_project_without_a_student_says_so(footage, tmp_path):
    done = call(finished_project(tmp_path)[0].root, footage, "--out", tmp_path / "x")
    assert done.exit_code == 1
    assert "no round has trained a student yet" in done.output
