"""The U-Net that judges pixels."""

import pytest

from al_core.settings import StudentSettings
from al_core.students.build import import_mmdet


@pytest.fixture(scope="session", autouse=True)
def mmdet() -> None:
    import_mmdet()


@pytest.fixture(scope="session")
def pixels() -> StudentSettings:
    return StudentSettings(config="semantic_unet", long_side=64, batch_size=2, checkpoint_interval=1, device="cpu")
