"""What unlabelled frames add to a training, and that all that outlives it is about the detector alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from torch import nn

from al_core.errors import BadSettings
from al_core.settings import StudentSettings
from al_core.students.build import build_config, build_model, load_members
from al_core.students.semi.mixing import Nearness
from al_core.students.semi.semi_student import SemiStudent, detector_of, ramp
from tests.toys.models.trainings import Killed, content, equal, kill_at, same

PAIRS = [
    *((kind, method) for kind in ("one_stage", "two_stages") for method in ("self", "mmt_psm", "s4gan")),
    *(("pixels", method) for method in ("self", "cycle")),
]
"""Students, and the ways in which they can learn from unlabelled frames."""


def learning(student: StudentSettings, method: str, weight: float = 1.0, mix: str = "none") -> StudentSettings:
    """The student's settings with a way to learn from unlabelled frames."""
    return student.model_copy(update={"unlabelled": method, "unlabelled_weight": weight, "mix": mix})


@pytest.mark.parametrize(("kind", "method"), PAIRS)
def test_weight_0_is_the_supervised_training_to_the_bit(
    train: Any, trained: Any, kind: str, method: str, request: pytest.FixtureRequest
) -> None:
    student = request.getfixturevalue(kind)
    twin = trained(student)
    without = train("without", learning(student, method, 0.0))
    assert twin.unlabelled == 0
    assert without.unlabelled == 3
    assert same(twin, without)


@pytest.mark.parametrize(("kind", "method"), PAIRS)
def test_a_killed_training_goes_on_to_the_same_bits(
    train: Any, trained: Any, kind: str, method: str, request: pytest.FixtureRequest
) -> None:
    student = learning(request.getfixturevalue(kind), method)
    whole = trained(student)
    with pytest.raises(Killed):
        train("killed", student, on_progress=kill_at(3))
    resumed = train("killed", student)
    assert same(whole, resumed)
    assert resumed.parts == whole.parts


@pytest.mark.parametrize("method", ["self", "mmt_psm"])
def test_a_training_on_mixed_frames_goes_on_to_the_same_bits(
    train: Any, one_stage: StudentSettings, method: str
) -> None:
    whole = train("whole", learning(one_stage, method, mix="class"))
    with pytest.raises(Killed):
        train("killed", learning(one_stage, method, mix="class"), on_progress=kill_at(3))
    assert same(whole, train("killed", learning(one_stage, method, mix="class")))


def test_mixed_frames_teach_something_else(train: Any, trained: Any, one_stage: StudentSettings) -> None:
    near = Nearness("a", lambda frame: np.full((48, 64), frame.frame_idx / 10, np.float32))
    plain, by_class, by_depth = (
        train(mix, learning(one_stage, "self", mix=mix), nearness=near) for mix in ("none", "class", "depth")
    )
    assert not same(plain, by_class)
    assert not same(by_class, by_depth)
    assert same(plain, trained(learning(one_stage, "self")))
    others = replace(near, source="b")
    again = train("again", learning(one_stage, "self", mix="depth"), nearness=others)
    assert content(again)["identity"] != content(by_depth)["identity"]


def test_mixed_frames_that_count_nothing_leave_the_supervised_training(
    train: Any, trained: Any, one_stage: StudentSettings
) -> None:
    assert same(trained(one_stage), train("without", learning(one_stage, "self", 0.0, "class")))


def test_unlabelled_frames_change_what_is_learned_and_each_loss_has_a_curve(
    trained: Any, one_stage: StudentSettings
) -> None:
    twin, learned = trained(one_stage), trained(learning(one_stage, "self"))
    assert not equal(content(twin)["student"], content(learned)["student"])
    assert {"loss_cls", "loss_mask", "unlabelled_loss_cls", "unlabelled_loss_mask"} <= learned.parts.keys()
    # Nothing at first, then all of the weight.
    assert [i for i, _ in learned.parts["unlabelled_loss"]] == [2, 3, 4]
    assert [i for i, _ in learned.parts["loss_cls"]] == [1, 2, 3, 4]
    assert content(learned)["holds"]["unlabelled_frames"] == 3


def test_who_predicts_is_the_detector(train: Any, trained: Any, one_stage: StudentSettings) -> None:
    twin, learned = trained(one_stage), trained(learning(one_stage, "self"))
    names = content(twin)["student"].keys()
    assert content(learned)["student"].keys() == names
    assert all(t["state_dict"].keys() == names for t in content(learned)["teachers"])
    assert len(load_members(learned.checkpoint, "cpu")) == 2
    warm = train("warm", learning(one_stage, "self"), init_checkpoint=learned.checkpoint)
    assert "100% of the weights" in warm.notes[0]
    assert [t["updates"] for t in content(warm)["teachers"]] == [8, 8]


def test_masks_that_are_believed_and_the_weight_count(train: Any, one_stage: StudentSettings, believed: Any) -> None:
    one = content(train("one", learning(one_stage, "self"), iterations=1))["identity"]
    others = [
        train("two", learning(one_stage, "self"), iterations=1, unlabelled=believed[:2]),
        train("three", learning(one_stage, "self", 0.5), iterations=1),
        train("four", one_stage, iterations=1),
    ]
    assert len({one, *(content(other)["identity"] for other in others)}) == 4


def test_without_unlabelled_frames_it_is_the_supervised_training(
    train: Any, trained: Any, one_stage: StudentSettings
) -> None:
    assert same(train("a", learning(one_stage, "self"), unlabelled=()), trained(one_stage))


def test_a_student_that_cannot_leave_regions_out_is_refused() -> None:
    config = build_config(StudentSettings(config="condinst_r50_fpn"), ["square"], 1)
    with pytest.raises(BadSettings, match="student.unlabelled: expected a student whose losses can leave regions out"):
        SemiStudent(build_model(config.model), "self", 1.0, 0)


def test_a_model_that_holds_none_is_the_detector() -> None:
    plain = nn.Linear(1, 1)
    assert detector_of(plain) is plain


def test_the_weight_rises_between_two_shares_of_the_schedule() -> None:
    assert [ramp(p, 0.25, 0.75) for p in (0.0, 0.25, 0.5, 0.75, 0.9)] == [0.0, 0.0, 0.5, 1.0, 1.0]
