"""Ask people for labels, and take their answers in."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import LabelRequest, Progress
from al_core.settings import Settings
from al_core.stores.frames import FrameStore
from tasks.backends import open_backend
from tasks.backends.prelabels import delivered_proposals

_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Collected:
    """What a look for answers found.

    Attributes:
        requested: requests of the round.
        answered: those that have an answer now.
        new: answers that this look brought, of this round or, where people may revise, of earlier ones.
        rejected: what came back and cannot be used, with the reasons.
    """

    requested: int
    answered: int
    new: int
    rejected: tuple[str, ...]


def request_labels(project: Project, ledger: Ledger, frames: FrameStore, settings: Settings, round_id: int) -> int:
    """Put a round's selected frames before people; asking twice is asking once. Returns how many they are.

    Where the back-end can show masks, people start from what the last round delivered.
    """
    requests = [LabelRequest.of(round_id, selected) for selected in ledger.selection(round_id)]
    ledger.put_requests(requests)
    if requests:
        backend = open_backend(project, ledger, frames, settings)
        backend.submit(requests, delivered_proposals(project, ledger, requests) if backend.shows_proposals else {})
    return len(requests)


def request_ahead(project: Project, ledger: Ledger, frames: FrameStore, settings: Settings, round_id: int) -> int:
    """Put frames of the next round into the queue of our page, so that people need not wait while this round trains;
    returns how many. The next round lets those that nobody took give way to its own choice."""
    if settings.annotator.backend != "page" or not settings.annotator.ahead:
        return 0
    from tasks.steps.select import select_ahead

    rng = np.random.default_rng([settings.seed, round_id, 1])
    chosen = select_ahead(project, ledger, frames, settings, round_id, rng)
    ledger.put_requests([LabelRequest.of(round_id + 1, selected) for selected in chosen])
    return len(chosen)


def collect_labels(
    project: Project,
    ledger: Ledger,
    frames: FrameStore,
    settings: Settings,
    round_id: int,
    on_progress: Callable[[Progress], None] | None = None,
) -> Collected:
    """Take in every answer that is there; each is stored once, however often it is collected."""
    backend = open_backend(project, ledger, frames, settings)
    asked = [r for r in ledger.requests(status=None if backend.revisable else "open") if r.round_id <= round_id]
    new = 0
    for start in range(0, len(asked), _AT_ONCE):
        some = asked[start : start + _AT_ONCE]
        new += sum(ledger.put_answer(answer) for answer in backend.collect([r.request_id for r in some]))
        if on_progress is not None:
            on_progress(Progress(start + len(some), len(asked), "answers"))
    requested = ledger.requests(round_id)
    waiting = ledger.requests(round_id, "open")
    return Collected(len(requested), len(requested) - len(waiting), new, tuple(backend.rejected()))
