"""The flows without Prefect's engine around them; the engine runs them in the end-to-end tests."""

import pytest


@pytest.fixture
def no_prefect(monkeypatch, tmp_path):
    """Nobody's Prefect: flows may be imported."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
