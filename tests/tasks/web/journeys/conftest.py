"""A browser, and somebody at the labelling page with the first frame of a round in hand."""

from contextlib import contextmanager

import pytest

from al_core.records import ONE_SHOT
from tests.toys.web.label_page import Person, waiting_round


@pytest.fixture
def ledger(tmp_path):
    """The ledger of a project that is served and waits for labels; it knows its address."""
    with waiting_round(tmp_path) as found:
        yield found


@pytest.fixture
def ada(ledger, running):
    """Ada has the first frame in hand."""
    with _at_work(ledger, running) as person:
        yield person


@pytest.fixture
def seen_ledger(tmp_path):
    """As ``ledger``, of a video in which the square is seen, and which has no cuts."""
    with waiting_round(tmp_path, seen=True) as found:
        ledger = found[0]
        ledger.correct_cuts(1, [], ledger.shots().get(1, ONE_SHOT).cuts, "eve")
        yield found


@pytest.fixture
def bright(seen_ledger, running):
    """Ada has a frame in hand in which the square is seen, so that clicks and boxes find it."""
    with _at_work(seen_ledger, running) as person:
        yield person


@contextmanager
def _at_work(ledger, running):
    person = Person(running, f"{ledger[1]}/enter#{ledger[0].add_annotator('Ada')}")
    person.task()
    yield person
    person.context.close()
