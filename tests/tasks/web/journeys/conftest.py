"""A browser, and somebody at the labelling page with the first frame of a round in hand."""

import pytest

from tests.toys.web.browser import browser
from tests.toys.web.label_page import Person, waiting_round


@pytest.fixture(scope="module")
def running():
    """A browser."""
    with browser() as running:
        yield running


@pytest.fixture
def ledger(tmp_path):
    """The ledger of a project that is served and waits for labels; it knows its address."""
    with waiting_round(tmp_path) as found:
        yield found


@pytest.fixture
def ada(ledger, running):
    """Ada has the first frame in hand."""
    person = Person(running, f"{ledger[1]}/enter#{ledger[0].add_annotator('Ada')}")
    person.task()
    yield person
    person.context.close()
