"""Our own page as a back-end: the requests in the ledger are the queue, and answers go straight there."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from al_core.ledger.labelling.queue import Purpose
from al_core.ledger.store import Ledger
from al_core.records import Answer, FrameLabel, LabelKind, LabelRequest, Selected
from al_core.settings import Settings
from tasks.backends.sampling import is_sampled
from tasks.steps.context import RoundContext


class PageBackend:
    """Nothing has to be brought anywhere. What is to be measured of people is asked for beside the requests."""

    shows_prelabels = False
    revisable = False

    def __init__(self, context: RoundContext) -> None:
        self._ledger = context.ledger
        self._settings = context.settings

    def submit(self, requests: Sequence[LabelRequest], prelabels: Mapping[str, FrameLabel]) -> None:
        """Ask some of the questions twice, and some of earlier rounds again. What people start from is looked up when
        they get the frame."""
        requests = [request for request in requests if request.round_id]
        seed, annotator = self._settings.seed, self._settings.annotator
        twice = [r for r in requests if is_sampled(seed, f"twice {r.request_id}", annotator.double_share)]
        # Whole masks, so that it can be told what the kinds that are asked for leave.
        checks = [replace(r, request_id=f"{r.request_id}-second", kind=LabelKind.MASK) for r in twice]
        self._ledger.put_checks(checks, Purpose.AGREEMENT, [r.request_id for r in twice])
        again = _known(self._ledger, self._settings, requests)
        self._ledger.put_checks([new for new, _ in again], Purpose.KNOWN_TRUTH, [old for _, old in again])

    def collect(self, request_ids: Sequence[str]) -> list[Answer]:
        """Return nothing: every answer is in the ledger already."""
        return []

    def rejected(self) -> list[str]:
        """Return nothing: what cannot be used is refused when it is sent."""
        return []


def _known(ledger: Ledger, settings: Settings, requests: Sequence[LabelRequest]) -> list[tuple[LabelRequest, str]]:
    """Return questions about frames that people labelled before, each with the request that the label answered.

    The frames are of earlier rounds; the questions are spread among the round's requests.
    """
    if not requests:
        return []
    round_id = requests[0].round_id
    answered = [r for r in ledger.requests(status="done") if r.round_id < round_id]
    n = min(len(answered), round(settings.annotator.known_truth_share * len(requests)))
    rng = np.random.default_rng([settings.seed, round_id])
    chosen = [answered[i] for i in sorted(rng.choice(len(answered), n, replace=False))] if n else []
    ranks = rng.integers(0, len(requests), n).tolist()
    again = [Selected(r.frame, rank, 0.0, r.reason, r.kind) for r, rank in zip(chosen, ranks, strict=True)]
    return [(LabelRequest.of(round_id, new), old.request_id) for new, old in zip(again, chosen, strict=True)]
