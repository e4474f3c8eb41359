"""Who answers: a table of annotation back-ends behind one protocol."""

from collections.abc import Callable

from al_core.settings import PluginTable
from tasks.backends.protocol import Backend
from tasks.steps.context import RoundContext

BACKENDS: PluginTable[Callable[[RoundContext], Backend]] = PluginTable(
    "annotation back-end",
    {
        "simulated": "tasks.backends.simulated:SimulatedBackend",
        "page": "tasks.backends.page:PageBackend",
        "inbox": "tasks.backends.inbox:InboxBackend",
        "label_studio": "tasks.backends.label_studio:LabelStudioBackend",
        "cvat": "tasks.backends.cvat:CvatBackend",
    },
    "fewframes.backends",
)


def open_backend(context: RoundContext) -> Backend:
    """Return the back-end that ``annotator.backend`` names.

    Raises:
        UnknownName: there is none of that name.
    """
    return BACKENDS[context.settings.annotator.backend](context)


__all__ = ["BACKENDS", "Backend", "open_backend"]
