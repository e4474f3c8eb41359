"""A finished project, built once for all tests of the report."""

import pytest

from tests.toys.labelled_project import finished_project


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """(project, ledger, frame store) after two rounds; tests only read it."""
    return finished_project(tmp_path_factory.mktemp("finished"))
