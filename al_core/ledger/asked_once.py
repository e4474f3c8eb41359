"""A ledger for one report, whose parts ask for the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

from al_core.ledger.forwarding import READS, ForwardedLedger
from al_core.ledger.store import Ledger


class AskedOnce(ForwardedLedger):
    """Asks another ledger, and for the same only once: what it was told holds until something is written through it.

    It is for a report that is over in a moment, since what others write meanwhile is not seen.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.path = ledger.path
        self._ledger = ledger
        self._told: dict[tuple[Any, ...], Any] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the file open as the other ledger does."""
        with self._ledger.held():
            yield

    def forward(self, name: str, arguments: dict[str, Any]) -> Any:
        """Carry out an operation, or answer as before."""
        ask = getattr(self._ledger, name)
        asked = (name, *sorted(arguments.items()))
        if name not in READS or not _is_hashable(asked):
            self._told.clear()
            return ask(**arguments)
        if asked not in self._told:
            self._told[asked] = ask(**arguments)
        # Who adds to a list or takes from it does so for itself.
        return copy(self._told[asked])


def _is_hashable(asked: tuple[Any, ...]) -> bool:
    try:
        hash(asked)
    except TypeError:
        return False
    return True
