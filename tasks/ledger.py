"""How a step meets the ledger: it is announced, done once, recorded; one that finds its own result does nothing."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from al_core.fingerprint import fingerprint
from al_core.ledger.store import Ledger
from al_core.project import Project


def open_ledger(project: Project, patience: float = 60.0) -> Ledger:
    """The ledger of a project; the file is made when it is not there."""
    return Ledger(project.ledger_path, patience)


def once(
    ledger: Ledger, round_id: int, name: str, inputs: Mapping[str, Any], work: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Do a step of a round exactly once.

    Args:
        inputs: everything that the result depends on, JSON-like; hashed into the ledger.
        work: does the step and returns what later steps need of it, JSON-like. It may be called again after a
            crash, so what it writes must replace what a dead predecessor left.

    Returns:
        The result, of this call or of the one that finished the step before.
    """
    done = ledger.begin_step(round_id, name, fingerprint(inputs))
    if done is not None:
        return done.result
    started = time.perf_counter()
    result = work()
    ledger.finish_step(round_id, name, result, time.perf_counter() - started)
    return result
