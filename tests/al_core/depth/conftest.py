"""A small student whose backbone is the encoder, and two clips of a camera that travels."""

import pytest

from al_core.depth import depth_network, depth_training
from al_core.networks import training_loop
from al_core.settings import StudentSettings
from tests.toys.footage.travelling import travelling_clip
from tests.toys.students import NARROW


@pytest.fixture(scope="session")
def student(tmp_path_factory):
    override = tmp_path_factory.mktemp("student") / "narrow.py"
    override.write_text(NARROW)
    return StudentSettings(override=str(override), device="cpu")


@pytest.fixture(scope="session")
def clips():
    return [travelling_clip(seed, n_frames=6, size=(32, 64)) for seed in (0, 1)]


@pytest.fixture
def small(monkeypatch):
    """Trainings on frames of 64 pixels, two at a time."""
    monkeypatch.setattr(depth_network, "LONG_SIDE", 64)
    monkeypatch.setattr(training_loop, "SAVE_EVERY", 2)
    for name, value in {"BATCH": 2, "STATISTICS_BATCHES": 1}.items():
        monkeypatch.setattr(depth_training, name, value)
