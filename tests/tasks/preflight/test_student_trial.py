import numpy as np
import pytest
import torch

from al_core.errors import BadCheckpoint
from al_core.settings import Settings
from tasks.preflight.student_trial import _objects, try_student

SETTINGS = Settings().changed({"student.long_side": 64, "teachers.decays": (0.5,)})
IMAGE = np.full((48, 64, 3), 90, np.uint8)


def test_objects_stand_side_by_side():
    masks = _objects((8, 12), [3, 5, 9])
    assert [m.category_id for m in masks] == [3, 5, 9]
    assert len(_objects((8, 64), list(range(1, 40)))) == 16


def test_a_student_that_works_says_which_weights_fitted(tmp_path):
    assert try_student(SETTINGS.student, SETTINGS.teachers, {1: "a", 2: "b"}, IMAGE, tmp_path / "first") == ()
    weights = torch.load(tmp_path / "first" / "student.pth", weights_only=True)["student"]
    torch.save({k: v for k, v in weights.items() if k.startswith("backbone")}, tmp_path / "backbone.pth")
    (note,) = try_student(
        SETTINGS.student, SETTINGS.teachers, {1: "a"}, IMAGE, tmp_path / "second", tmp_path / "backbone.pth"
    )
    assert "backbone.pth: " in note
    assert "tensors fit" in note
    assert "new: neck" in note


def test_next_to_nothing_is_not_enough(tmp_path):
    torch.save({"backbone.stem.0.bn.weight": torch.zeros(12)}, tmp_path / "little.pth")
    with pytest.raises(BadCheckpoint, match="next to nothing in it fits the student: 1 of"):
        try_student(SETTINGS.student, SETTINGS.teachers, {1: "a"}, IMAGE, tmp_path / "run", tmp_path / "little.pth")
