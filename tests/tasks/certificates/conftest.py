"""An audited project that tests copy."""

import pytest

from tests.toys.audits.audited_project import audited_project
from tests.toys.labelled_project import copied


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    return audited_project(tmp_path_factory.mktemp("audited"))


@pytest.fixture
def audited(built, tmp_path):
    """(project, ledger, frame store) that a test may change."""
    return copied(built, tmp_path)
