"""What the child process of a rehearsal says; the trial itself is a stand-in here."""

import json

import numpy as np
import pytest

from al_core.errors import BadCheckpoint
from al_core.settings import Settings
from tasks.preflight import student_trial
from tasks.preflight.trying import tried


@pytest.fixture
def folder(tmp_path):
    """What the parent writes down."""
    settings = Settings().model_dump(mode="json")
    content = {"settings": settings, "categories": [[1, "object"]], "start": ""}
    (tmp_path / "trial.json").write_text(json.dumps(content))
    np.save(tmp_path / "image.npy", np.zeros((4, 4, 3), np.uint8))
    return tmp_path


def raising(error):
    """A trial that fails."""

    def try_student(*_):
        raise error

    return try_student


def test_notes_are_handed_on(folder, monkeypatch):
    given = []
    monkeypatch.setattr(student_trial, "try_student", lambda *arguments: given.append(arguments) or ("it fits",))
    assert tried(folder) == {"notes": ["it fits"]}
    assert given[0][2] == {1: "object"}


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (BadCheckpoint("w.pth: no such checkpoint"), {"error": "w.pth: no such checkpoint", "known": True}),
        (MemoryError(), {"error": "MemoryError: MemoryError", "memory": True}),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried\nmuch"),
            {"error": "RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried", "memory": True},
        ),
        (KeyError("masks"), {"error": "KeyError: 'masks'", "memory": False}),
    ],
)
def test_an_error_is_one_line_that_says_what_kind_it_is(folder, monkeypatch, error, answer):
    monkeypatch.setattr(student_trial, "try_student", raising(error))
    assert tried(folder) == answer


def test_a_propagator_that_cannot_be_made_is_told_before_the_student_is_tried(folder, monkeypatch):
    content = json.loads((folder / "trial.json").read_text())
    content["settings"]["propagation"] |= {"methods": ["affinity"], "encoder": str(folder / "gone.pth")}
    (folder / "trial.json").write_text(json.dumps(content))
    assert "gone.pth" in tried(folder)["error"]
