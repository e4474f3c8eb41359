import inspect

import pytest

from al_core.ledger.forwarding import OPERATIONS, ForwardedLedger
from al_core.ledger.store import Ledger


class Notes(ForwardedLedger):
    """Keeps what it is asked."""

    def __init__(self):
        self.asked = []

    def forward(self, name, arguments):
        self.asked.append((name, arguments))
        return len(self.asked)


def test_every_public_operation_is_forwarded_with_named_arguments():
    notes = Notes()
    assert notes.round(3) == 1
    assert notes.least_certain(1, limit=5) == 2
    assert notes.coverage() == 3
    assert notes.asked == [("round", {"round_id": 3}), ("least_certain", {"round_id": 1, "limit": 5}), ("coverage", {})]


def test_operations_are_all_that_a_ledger_can_do_but_keep_the_file():
    public = {name for name, _ in inspect.getmembers(Ledger, inspect.isfunction) if not name.startswith("_")}
    assert public - set(OPERATIONS) == {"held", "lingering", "owned"}
    assert all(vars(ForwardedLedger)[name].__wrapped__ is getattr(Ledger, name) for name in OPERATIONS)


def test_a_call_that_the_operation_would_refuse_is_refused():
    with pytest.raises(TypeError, match="missing a required argument: 'round_id'"):
        Notes().round()
    with pytest.raises(TypeError, match="too many positional arguments"):
        Notes().coverage(1)


def test_nothing_is_kept_open_for_a_ledger_elsewhere():
    notes = Notes()
    with notes.held():
        notes.coverage()
    assert notes.asked == [("coverage", {})]
