"""What people were asked and shown, so that what comes back can be compared with it."""

import json
from dataclasses import replace
from pathlib import Path

from al_core.exchange.drawn import Asked
from al_core.files import json_bytes, write_whole
from al_core.ledger.store import Ledger
from al_core.masks.rle import area, decode, encode
from al_core.records import FrameLabel, Identities, LabelRequest, MaskLabel


def all_requests(ledger: Ledger) -> dict[str, LabelRequest]:
    """Return every request that a label tool may have been given: those of rounds, and those of held-out frames."""
    asked = [*ledger.requests(), *ledger.requests(purpose="holdout")]
    return {request.request_id: request for request in asked}


def asked_frames(ledger: Ledger) -> dict[str, Asked]:
    """Return the frames that all requests so far ask for, by request."""
    videos = {video.video_id: video for video in ledger.videos()}
    asked = [(i, videos[request.frame.video_id]) for i, request in all_requests(ledger).items()]
    return {i: Asked(i, v.height, v.width, v.identities is Identities.PERSISTENT) for i, v in asked}


class ShownMasks:
    """The masks that people start from, one file per request; what was shown once is never changed.

    Masks are kept as they come back when nobody touches them: without empty ones, and coded as we code.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, request: LabelRequest, label: FrameLabel | None) -> FrameLabel | None:
        """Note what is going to be shown; returns what is shown, which is what was noted first."""
        file = self._file(request.request_id)
        if not file.is_file():
            masks = [m for m in label.masks if area(m.rle)] if label else []
            canonical = [replace(mask, rle=encode(decode(mask.rle))) for mask in masks]
            write_whole(file, json_bytes([mask.to_json() for mask in canonical]))
        return self.of(request)

    def of(self, request: LabelRequest) -> FrameLabel | None:
        """Return what a request's frame was shown with; None where people start from nothing."""
        file = self._file(request.request_id)
        stored = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
        masks = tuple(map(MaskLabel.from_json, stored))
        return FrameLabel(request.frame, masks) if masks else None

    def _file(self, request_id: str) -> Path:
        return self._folder / f"{request_id}.json"
