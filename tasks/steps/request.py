"""Ask people for the labels of a round's frames."""

from typing import Any

import numpy as np

from al_core.records import LabelRequest
from tasks.backends import open_backend
from tasks.backends.prelabels import delivered_prelabels
from tasks.discovery.first_round import discover_for
from tasks.scheduling.events import tell_ready
from tasks.steps.context import Requested, RoundContext
from tasks.steps.select import select_ahead


def request_inputs(context: RoundContext) -> dict[str, Any]:
    """Return what the requests depend on."""
    selected = context.ledger.selection(context.round_id)
    return {
        "selected": [[s.frame.video_id, s.frame.frame_idx, s.rank] for s in selected],
        "annotator": context.stored.part("annotator"),
    }


def request_work(context: RoundContext) -> Requested:
    """Put the selected frames before people, and some of the next round; asking twice is asking once.

    While they have the first frames of a campaign in hand, it is looked for what moves.
    """
    requested = request_labels(context)
    ahead = request_ahead(context)
    tell_ready(context.project, context.ledger, context.round_id, requested)
    discover_for(context)
    return Requested(requested, ahead)


def request_labels(context: RoundContext) -> int:
    """Put a round's selected frames before people; asking twice is asking once. Returns how many they are.

    Where the back-end can show masks, people start from what the last round delivered. Frames that are held out and
    have no label yet go along, without masks; the round does not wait for them.
    """
    ledger = context.ledger
    requests = [LabelRequest.of(context.round_id, selected) for selected in ledger.selection(context.round_id)]
    ledger.put_requests(requests)
    held_out = ledger.requests(status="open", purpose="holdout")
    if requests or held_out:
        backend = open_backend(context)
        shown = delivered_prelabels(context.project, ledger, requests) if backend.shows_prelabels else {}
        backend.submit([*requests, *held_out], shown)
    return len(requests)


def request_ahead(context: RoundContext) -> int:
    """Put frames of the next round into the queue of our page, so that people need not wait while this round trains.

    The next round lets those that nobody took give way to its own choice.

    Returns:
        How many they are.
    """
    annotator = context.settings.annotator
    if annotator.backend != "page" or annotator.ahead == 0:
        return 0
    rng = np.random.default_rng([context.settings.seed, context.round_id, 1])
    chosen = select_ahead(context, rng)
    context.ledger.put_requests([LabelRequest.of(context.round_id + 1, selected) for selected in chosen])
    return len(chosen)
