"""What tests share: the folder of real test data, and toys small enough to check by eye."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real videos with masks, outside the project; the test is skipped where they are absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("FEWFRAMES_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no test data in {folder}; set FEWFRAMES_TEST_DATA to a folder that holds video_masks/")
    return folder
