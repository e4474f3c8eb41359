"""Who answers: a table of annotation back-ends behind one protocol."""

from collections.abc import Callable

from al_core.settings import Table
from tasks.backends.cvat import CvatBackend
from tasks.backends.inbox import InboxBackend
from tasks.backends.label_studio import LabelStudioBackend
from tasks.backends.page import PageBackend
from tasks.backends.protocol import Backend
from tasks.backends.simulated import SimulatedBackend
from tasks.steps.context import RoundContext

BACKENDS: Table[Callable[[RoundContext], Backend]] = Table(
    "annotation back-end",
    {
        "simulated": SimulatedBackend,
        "page": PageBackend,
        "inbox": InboxBackend,
        "label_studio": LabelStudioBackend,
        "cvat": CvatBackend,
    },
)


def open_backend(context: RoundContext) -> Backend:
    """Return the back-end that ``annotator.backend`` names.

    Raises:
        UnknownName: there is none of that name.
    """
    return BACKENDS[context.settings.annotator.backend](context)


__all__ = ["BACKENDS", "Backend", "open_backend"]
