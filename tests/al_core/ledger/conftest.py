"""A ledger with two people, which goes by a clock that tests put forward."""

import shutil
from pathlib import Path

import pytest

from al_core.ledger.store import Ledger
from tests.toys.labelling.asking import Clock
from tests.toys.ledgers import ledger_with_clip


@pytest.fixture
def clock():
    """What the ledger takes for the time."""
    return Clock()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """The file of a ledger with a clip and two people, to be copied."""
    ledger = ledger_with_clip(tmp_path_factory.mktemp("prepared"))
    with ledger.owned():
        for name in ("ada", "bo"):
            ledger.add_annotator(name)
    return ledger.path


@pytest.fixture
def ledger(tmp_path, prepared, clock):
    """A ledger with a clip and two people that this process owns."""
    ledger = Ledger(Path(shutil.copy(prepared, tmp_path)), patience=5, clock=clock)
    with ledger.owned():
        yield ledger
