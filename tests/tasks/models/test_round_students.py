"""Which students a project has, and which of them works."""

import pytest

from al_core.errors import NotReady, UnknownName
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.settings import Settings
from tasks.models.round_students import chosen_student, round_students
from tasks.steps.context import Propagated, Trained


@pytest.fixture
def place(tmp_path):
    """A project without rounds, and its ledger."""
    project = Project.at(tmp_path / "work")
    return project, Ledger(project.ledger_path, patience=5)


def train(ledger, round_id, labels=2):
    """A round that trained, as its step says; the file is not there."""
    ledger.begin_round(Settings())
    ledger.begin_step(round_id, Trained.step, "0" * 64)
    result = Trained(f"rounds/{round_id:04d}/student/student.pth", "a" * 64, "cpu", 0.5, labels)
    ledger.finish_step(round_id, Trained.step, result.to_json(), 1.0)


def test_a_project_that_trained_none_says_how_to_get_one(place):
    with pytest.raises(NotReady, match="no round has trained a student yet; run one first: fewframes run"):
        chosen_student(*place)


def test_the_newest_student_is_taken_unless_a_round_is_named(place):
    project, ledger = place
    for round_id in (1, 2):
        train(ledger, round_id, labels=2 * round_id)
        ledger.finish_round(round_id, None)
    ledger.begin_round(Settings())
    assert [(s.round_id, s.trained.labels) for s in round_students(project, ledger)] == [(1, 2), (2, 4)]
    assert chosen_student(project, ledger).round_id == 2
    assert chosen_student(project, ledger, 1).checkpoint == project.root / "rounds/0001/student/student.pth"
    with pytest.raises(UnknownName, match="unknown round with a student '3'; known: 1, 2"):
        chosen_student(project, ledger, 3)


def test_a_round_that_was_given_up_has_no_student(place):
    project, ledger = place
    train(ledger, 1)
    ledger.finish_round(1, None)
    train(ledger, 2)
    ledger.abandon_round("lead")
    assert chosen_student(project, ledger).round_id == 1


def test_confidences_are_calibrated_as_the_round_delivered(place):
    project, ledger = place
    train(ledger, 1)
    assert chosen_student(project, ledger).calibrations == {}
    ledger.begin_step(1, Propagated.step, "0" * 64)
    told = Propagated(1, {"teacher": {"slope": 0.5, "offset": -0.25, "samples": 7}})
    ledger.finish_step(1, Propagated.step, told.to_json(), 1.0)
    calibration = chosen_student(project, ledger).calibrations["teacher"]
    assert (calibration.slope, calibration.offset) == (0.5, -0.25)
