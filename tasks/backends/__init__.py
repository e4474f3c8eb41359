"""Who answers: a table of annotation back-ends behind one protocol."""

from collections.abc import Callable

from al_core.errors import UnknownName
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.settings import Settings
from al_core.stores.frames import FrameStore
from tasks.backends.cvat import CvatBackend
from tasks.backends.inbox import InboxBackend
from tasks.backends.label_studio import LabelStudioBackend
from tasks.backends.page import PageBackend
from tasks.backends.protocol import Backend, RequestStatus
from tasks.backends.simulated import SimulatedBackend

BACKENDS: dict[str, Callable[[Project, Ledger, FrameStore, Settings], Backend]] = {
    "simulated": SimulatedBackend,
    "page": PageBackend,
    "inbox": InboxBackend,
    "label_studio": LabelStudioBackend,
    "cvat": CvatBackend,
}


def open_backend(project: Project, ledger: Ledger, frames: FrameStore, settings: Settings) -> Backend:
    """The back-end that ``annotator.backend`` names.

    Raises:
        UnknownName: there is none of that name.
    """
    name = settings.annotator.backend
    if name not in BACKENDS:
        raise UnknownName("annotation back-end", name, BACKENDS)
    return BACKENDS[name](project, ledger, frames, settings)


__all__ = ["BACKENDS", "Backend", "RequestStatus", "open_backend"]
