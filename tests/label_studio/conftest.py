import pytest

from tests.label_studio.server import TOKEN, LabelStudio, missing


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A Label Studio that runs for all tests."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    server = LabelStudio(tmp_path_factory.mktemp("label-studio"))
    try:
        server.start_fresh()
        yield server
    finally:
        server.kill()


@pytest.fixture
def token(monkeypatch):
    """The token, where the settings say that it is."""
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", TOKEN)
