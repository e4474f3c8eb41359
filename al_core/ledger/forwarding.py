"""A ledger whose operations are carried out elsewhere, made from the operations of :class:`Ledger` itself.

A group of operations that is added to ``Ledger`` is forwarded too, without a line here.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any

from al_core.ledger.operations import Operations, only_reads
from al_core.ledger.store import Ledger


def _operations() -> dict[str, Callable[..., Any]]:
    groups = [cls for cls in Ledger.__mro__ if issubclass(cls, Operations) and cls is not Ledger]
    return {
        name: function
        for group in reversed(groups)
        for name, function in vars(group).items()
        if inspect.isfunction(function) and not name.startswith("_")
    }


OPERATIONS: Mapping[str, Callable[..., Any]] = _operations()
"""Every public operation by name."""


READS: frozenset[str] = frozenset(name for name, function in OPERATIONS.items() if only_reads(function))
"""The operations that change nothing, and may therefore be asked again when no answer came."""


class ForwardedLedger(Ledger):
    """Turns each public operation into a call of :meth:`forward`."""

    def forward(self, name: str, arguments: dict[str, Any]) -> Any:
        """Carry out one of ``OPERATIONS``; arguments are by name, without defaults that were not given."""
        raise NotImplementedError

    @contextmanager
    def held(self) -> Iterator[None]:
        """Do nothing: there is no file here to keep open."""
        yield


def _forwarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(function)

    @wraps(function)
    def operation(self: ForwardedLedger, *args: Any, **kwargs: Any) -> Any:
        arguments = signature.bind(self, *args, **kwargs).arguments
        return self.forward(name, {key: value for key, value in arguments.items() if key != "self"})

    return operation


for _name, _function in OPERATIONS.items():
    setattr(ForwardedLedger, _name, _forwarded(_name, _function))
