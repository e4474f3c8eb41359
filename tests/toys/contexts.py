"""Contexts of rounds whose parts a test hands in, for steps and back-ends that are tried alone."""

from typing import Any

from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.settings import Settings
from tasks.steps.context import RoundContext


def context_of(
    project: Project, ledger: Ledger, round_id: int = 1, settings: Settings | None = None, **parts: Any
) -> RoundContext:
    """Return a context of a round that need not be in the ledger.

    Args:
        settings: the usual ones when left out.
        parts: what would be read otherwise, by the name of the property: ``frames``, ``labels_collected``, ...
    """
    context = RoundContext(project, ledger, round_id)
    # A cached property looks here first.
    context.__dict__.update(parts, settings=settings or Settings())
    return context
