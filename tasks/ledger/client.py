"""The ledger of a project: opened by this process, or reached through the process that owns it."""

import logging
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from al_core.errors import LedgerBusy
from al_core.ledger.file.owner import Owner, foreign_note, read_owner
from al_core.ledger.forwarding import ForwardedLedger
from al_core.ledger.store import Ledger
from al_core.project import Project

_log = logging.getLogger(__name__)
_SILENT_SECONDS = 3.0
_PATIENCE = 60.0


def open_ledger(project: Project, patience: float = _PATIENCE) -> Ledger:
    """Return the ledger of a project; the file is made when it is not there.

    Args:
        patience: seconds to wait for a process that has the file, or for an owner that does not answer.
    """
    tell_of_foreign_note(project)
    return _AT_HAND.get(project.ledger_path) or ProjectLedger(project, patience)


@contextmanager
def at_hand(project: Project) -> Iterator[None]:
    """Let all who open a project's ledger in this process have the same one until the block ends, which is opened once
    for what is asked in quick succession."""
    ledger = ProjectLedger(project, _PATIENCE)
    _AT_HAND[project.ledger_path] = ledger
    try:
        with ledger.lingering():
            yield
    finally:
        del _AT_HAND[project.ledger_path]


_AT_HAND: "dict[Path, ProjectLedger]" = {}


class ProjectLedger(ForwardedLedger):
    """The ledger of a project: this process opens the file or, while another one owns it, asks the owner.

    Which of the two is found out for each operation, so that work goes on when an owner comes or goes in between.
    """

    def __init__(self, project: Project, patience: float = 60.0) -> None:
        self.path = project.ledger_path
        self._patience = patience
        self._embedded = Ledger(self.path, patience, on_wait=self._look_for_owner)
        self._remote: Any = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the file open over several operations; where another process owns it there is nothing to keep."""
        with ExitStack() as stack:
            if self._route() is self._embedded:
                try:
                    stack.enter_context(self._embedded.held())
                except _OwnerCame:
                    _log.debug("%s got an owner", self.path)
            yield

    @contextmanager
    def lingering(self) -> Iterator[None]:
        """Keep the file open for a moment after each operation (see :meth:`Ledger.lingering`), while nobody owns it."""
        with self._embedded.lingering():
            yield

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Own the file until the block ends (see :meth:`Ledger.owned`)."""
        with self._embedded.owned():
            yield

    def forward(self, name: str, arguments: dict[str, Any]) -> Any:
        """Carry out an operation in the file or by its owner, whichever is possible now."""
        started, told = time.monotonic(), False
        while True:
            try:
                return getattr(self._route(), name)(**arguments)
            except LedgerBusy as error:
                self._remote = None
                waited = time.monotonic() - started
                if waited >= self._patience:
                    raise
                if waited >= _SILENT_SECONDS and not told:
                    told = True
                    _log.warning("%s; waiting for it, up to %g s", error, self._patience)
            time.sleep(random.uniform(0.02, 0.1))

    def _route(self) -> Ledger:
        noted = read_owner(self.path)
        if self._remote is not None and noted == self._remote.owner:
            return self._remote
        if noted is None or not is_alive(noted):
            return self._embedded
        from tasks.ledger.remote import RemoteLedger

        self._remote = RemoteLedger(noted, self.path)
        return self._remote

    def _look_for_owner(self) -> None:
        noted = read_owner(self.path)
        if noted is not None and is_alive(noted):
            raise _OwnerCame(f"{noted.by.who} owns {self.path} now")


class _OwnerCame(LedgerBusy):
    """While this process waited for the file, another one became its owner."""


def living_owner(project: Project) -> Owner | None:
    """Return the process that owns the project's ledger, if there is one that answers."""
    noted = read_owner(project.ledger_path)
    return noted if noted is not None and is_alive(noted) else None


def tell_of_foreign_note(project: Project) -> None:
    """Warn where an owner is noted that serves another folder, as in a copy of a served project."""
    said = foreign_note(project.ledger_path)
    if said is not None:
        _log.warning("%s", said)


def is_alive(owner: Owner, seconds: float = 2.0) -> bool:
    """Tell whether the process that is noted as owner lives, and is the one that it was when it was noted.

    One that accepts the question but takes longer than ``seconds`` is busy, and counts as living.
    """
    if not owner.by.runs():
        return False
    import httpx

    from tasks.ledger.remote import trust_of

    try:
        health = httpx.get(f"{owner.url}/healthz", timeout=seconds, trust_env=False, verify=trust_of(owner))
        return health.raise_for_status().json().get("instance") == owner.instance
    except httpx.ReadTimeout:
        ends = f"kill -CONT {owner.pid} lets it go on, kill -9 {owner.pid} ends it; " if owner.by.is_nearby() else ""
        _log.warning(
            "%s, which serves this project at %s, lives but does not answer: it is busy, or was stopped "
            "(%swhat it acknowledged is stored)",
            *(owner.by.who, owner.url, ends),
        )
        return True
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError):
        return False
