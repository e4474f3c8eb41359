"""Toys for semi-supervised trainings: labelled and believed frames of the square, and a short training on both."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from al_core.settings import StudentSettings, TeacherSettings
from al_core.students.build import import_mmdet
from al_core.students.semi.unlabelled import UnlabelledSample
from al_core.students.train import TrainedStudent, train_student
from tests.toys.students import NARROW, tiny_student


@pytest.fixture(scope="session", autouse=True)
def mmdet() -> None:
    import_mmdet()


@pytest.fixture(scope="session")
def one_stage(tmp_path_factory: pytest.TempPathFactory) -> StudentSettings:
    """The default student with a third of its channels."""
    override = tmp_path_factory.mktemp("student") / "narrow.py"
    override.write_text(NARROW)
    return StudentSettings(override=str(override), long_side=64, batch_size=2, checkpoint_interval=2, device="cpu")


@pytest.fixture(scope="session")
def two_stages(tmp_path_factory: pytest.TempPathFactory) -> StudentSettings:
    """A small Mask R-CNN."""
    return tiny_student(tmp_path_factory.mktemp("two_stages")).model_copy(update={"checkpoint_interval": 2})


@pytest.fixture(scope="session")
def pixels() -> StudentSettings:
    """The U-Net that judges pixels."""
    return StudentSettings(config="semantic_unet", long_side=64, batch_size=2, checkpoint_interval=2, device="cpu")


@pytest.fixture(scope="session")
def believed(samples: Any) -> list[UnlabelledSample]:
    """The frames of the toy with their squares, as if nobody had labelled them."""
    return [UnlabelledSample(s.frame, s.masks, 0.2) for s in samples[:3]]


@pytest.fixture(scope="session")
def train_in(samples: Any, believed: Any, read_image: Any) -> Callable[..., TrainedStudent]:
    """A training of four iterations on two labelled and three unlabelled frames; keywords change it."""

    def call(folder: Path, student: StudentSettings, **changed: Any) -> TrainedStudent:
        arguments: dict[str, Any] = {
            "teachers": TeacherSettings(decays=(0.5, 0.9)),
            "samples": [samples[0], samples[3]],
            "categories": {1: "square"},
            "read_image": read_image,
            "seed": 5,
            "iterations": 4,
            "statistics_batches": 1,
            "unlabelled": believed,
        }
        return train_student(student, **{**arguments, **changed}, work_dir=folder)

    return call


@pytest.fixture
def train(train_in: Any, tmp_path: Path) -> Callable[..., TrainedStudent]:
    """The training in a folder of the test's own."""
    return lambda folder, student, **changed: train_in(tmp_path / folder, student, **changed)


@pytest.fixture(scope="session")
def trained(train_in: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[StudentSettings], TrainedStudent]:
    """What came of the training as it is, which is trained once for all tests that only read it."""
    known: dict[str, TrainedStudent] = {}

    def of(student: StudentSettings) -> TrainedStudent:
        key = student.model_dump_json()
        if key not in known:
            known[key] = train_in(tmp_path_factory.mktemp("trained"), student)
        return known[key]

    return of
