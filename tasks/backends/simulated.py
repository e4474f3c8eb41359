"""The simulated annotator as a back-end: every request is answered at once, from held-back truth."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from al_core.oracle import REFINED, SimulatedAnnotator, request_rng
from al_core.records import Answer, FrameLabel, LabelKind, LabelRequest
from tasks.backends.prelabels import delivered_prelabels
from tasks.steps.context import RoundContext


class SimulatedBackend:
    """Answers are a function of truth, settings, seed, request and what the last round delivered: nothing needs to be
    remembered.

    Where nothing but whole masks is asked for, they are drawn without looking at prelabels. Otherwise what was
    delivered is looked up when the answers are collected, so that it need not be submitted.
    """

    shows_prelabels = False
    revisable = False

    def __init__(self, context: RoundContext) -> None:
        self._context = context

    def submit(self, requests: Sequence[LabelRequest], prelabels: Mapping[str, FrameLabel]) -> None:
        """Do nothing: the requests lie in the ledger."""

    def collect(self, request_ids: Sequence[str]) -> list[Answer]:
        """Draw the answers.

        Raises:
            BadLabel: a frame has no truth.
        """
        ledger, settings = self._context.ledger, self._context.settings
        known = {request.request_id: request for request in ledger.requests()}
        wanted = [known[i] for i in request_ids if i in known]
        asked: dict[int, list[int]] = defaultdict(list)
        for request in wanted:
            asked[request.frame.video_id].append(request.frame.frame_idx)
        truth = {video: ledger.truth(video, indices) for video, indices in asked.items()}
        looked_at = [r for r in wanted if r.kind is not LabelKind.MASK or settings.annotator.kinds != ("mask",)]
        shown = delivered_prelabels(self._context.project, ledger, looked_at)
        annotator = SimulatedAnnotator(lambda frame: truth[frame.video_id].get(frame.frame_idx), settings.annotator)
        return [
            annotator.answer(r, request_rng(settings.seed, r.request_id), shown.get(r.request_id), self._image(r))
            for r in wanted
        ]

    def rejected(self) -> list[str]:
        """Return nothing: the simulated annotator makes no unusable files."""
        return []

    def _image(self, request: LabelRequest) -> NDArray[np.uint8] | None:
        return self._context.frames.read_full(request.frame) if request.kind in REFINED else None
