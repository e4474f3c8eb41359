"""The flows without Prefect's engine around them, and what whole runs share where they are not about it."""

import pytest

from tests.toys.prefect.shared import share_trials
from tests.toys.processes.together import together


@pytest.fixture
def no_prefect(monkeypatch, tmp_path):
    """Nobody's Prefect: flows may be imported."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


@pytest.fixture(scope="session")
def trials():
    """Where all tests, also those of a process beside this one, remember students that they tried."""
    return together() / "trials"


@pytest.fixture
def tried(trials):
    """Let a project know that the toy's student works, once some test has tried it."""
    return lambda project: share_trials(project, trials)
