"""A browser for the pages."""

import pytest

from tests.toys.web.browser import browser


@pytest.fixture(scope="module")
def running():
    """A browser."""
    with browser() as running:
        yield running
