"""What the routes of the web application get to know and to call."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from al_core.ledger.store import Ledger
from al_core.project import Project


@dataclass(frozen=True, slots=True)
class RunState:
    """How the run that takes rounds on is doing.

    Attributes:
        running: whether it works at the moment.
        last_error: why the last one ended early; None when it did not.
    """

    running: bool = False
    last_error: str | None = None


def _nobody(_: int) -> None:
    """Nobody wants to hear of answered rounds."""


@dataclass(frozen=True, slots=True)
class WebContext:
    """One project as it is served; routes find it in ``request.app.state.context``.

    Attributes:
        ledger: the project's, opened by this process. Every operation may be called from any thread.
        secret: what processes show at /ledger.
        instance: what this server calls itself at /healthz.
        tls: whether people reach it over TLS, so that cookies are never sent without.
        names: host names besides loopback and plain addresses that people may reach it by.
        answered: to be called with the number of a round when the last of its requests has its answer.
        run_state: how the run that takes rounds on is doing.
    """

    project: Project
    ledger: Ledger
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    instance: str = field(default_factory=lambda: secrets.token_hex(8))
    tls: bool = False
    names: frozenset[str] = frozenset()
    answered: Callable[[int], None] = _nobody
    run_state: Callable[[], RunState] = RunState
