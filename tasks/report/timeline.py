"""One video's time line: how uncertain each frame is and why, which frames were chosen, who labelled what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from al_core.export.palette import PROVENANCE_COLOURS
from al_core.ledger.store import Ledger
from al_core.records import COMPONENTS, DeliveredMask, FrameLabel, Provenance, Selected, Video
from al_core.settings import UncertaintySettings

MAX_POINTS = 1500
"""A longer video is cut into this many stretches of equal length, each shown by its least certain frame."""

CODES = {name: number for number, name in enumerate(PROVENANCE_COLOURS, start=1)}
"""Code of each provenance in :attr:`DeliveredFrames.provenance`; 0 says that the frame has no mask."""


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """What the newest prediction says of a video.

    Attributes:
        frame_idx: int [n], rising.
        score: float [n], higher = less certain.
        parts: component -> float [n], its share of the score; they add up to it where ``adds_up``, and are
            the plain components otherwise.
    """

    frame_idx: NDArray[np.int64]
    score: NDArray[np.float64]
    parts: dict[str, NDArray[np.float64]]
    adds_up: bool


@dataclass(frozen=True, slots=True)
class DeliveredFrames:
    """What the newest delivery says of each frame of a video.

    Attributes:
        provenance: uint8 [n_frames], code of the least trusted mask of a frame, see :data:`CODES`.
        confidence: float32 [n_frames], of the least confident mask of a frame; NaN where there is none.
    """

    provenance: NDArray[np.uint8]
    confidence: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Choice:
    """A frame that some round asked for; ``place`` counts from 1."""

    round_id: int
    frame_idx: int
    place: int
    reason: str
    newest: bool


def uncertainty(ledger: Ledger, round_id: int, video: Video, weights: UncertaintySettings) -> Uncertainty | None:
    """Read the uncertainty of a video's frames in a round; None when it was not predicted.

    A long video is thinned out to its least certain frames, see :data:`MAX_POINTS`.
    """
    columns = ledger.predictions(round_id, video.video_id)
    if not len(columns["frame_idx"]):
        return None
    kept = peaks(columns["uncertainty"], MAX_POINTS)
    score = columns["uncertainty"][kept].astype(float)
    plain = {name: columns[name][kept].astype(float) for name in COMPONENTS}
    weight = {name: float(getattr(weights, name)) for name in COMPONENTS}
    total = sum(weight.values()) or 1.0
    parts = {name: plain[name] * weight[name] / total for name in COMPONENTS}
    adds_up = np.allclose(sum(parts.values()), score, rtol=1e-3, atol=1e-4)
    frame_idx = columns["frame_idx"][kept].astype(int)
    return Uncertainty(frame_idx, score, parts if adds_up else plain, bool(adds_up))


def peaks(values: NDArray[np.floating], limit: int) -> NDArray[np.int64]:
    """Return the positions of the greatest value in each of at most ``limit`` stretches of about equal length."""
    if len(values) <= limit:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), limit + 1).astype(int)
    return np.array([start + int(np.argmax(values[start:end])) for start, end in pairwise(edges)])


def delivered_frames(
    masks: Iterable[tuple[int, Sequence[DeliveredMask]]],
    labels: Sequence[FrameLabel],
    n_frames: int,
) -> DeliveredFrames:
    """Reduce delivered masks to one provenance and one confidence per frame; people's frames count as theirs."""
    provenance = np.zeros(n_frames, np.uint8)
    confidence = np.full(n_frames, np.nan, np.float32)
    for frame_idx, found in masks:
        if found:
            provenance[frame_idx] = max(CODES[m.provenance.value] for m in found)
            confidence[frame_idx] = min(m.confidence for m in found)
    for label in labels:
        provenance[label.frame.frame_idx] = CODES[Provenance.HUMAN.value]
        confidence[label.frame.frame_idx] = 1.0
    return DeliveredFrames(provenance, confidence)


def choices(selections: Mapping[int, Sequence[Selected]], video_id: int) -> list[Choice]:
    """Return the frames of a video that any round asked for, newest round last."""
    newest = max((r for r, found in selections.items() if found), default=None)
    return [
        Choice(round_id, s.frame.frame_idx, s.rank + 1, s.reason, round_id == newest)
        for round_id, found in sorted(selections.items())
        for s in found
        if s.frame.video_id == video_id
    ]


def least_confident(delivered: DeliveredFrames, limit: int, skip: Iterable[int] = ()) -> list[int]:
    """Rank frames by their least confident mask, the least confident frame first.

    People's frames are not among them. Two of them are at least 1/20 of the video apart, so that they show
    different trouble.

    Args:
        skip: frames that are not wanted.
    """
    doubt = delivered.confidence.copy()
    doubt[delivered.provenance == CODES[Provenance.HUMAN.value]] = np.nan
    doubt[list(skip)] = np.nan
    gap = max(1, len(doubt) // 20)
    taken: list[int] = []
    for index in np.argsort(doubt, kind="stable").tolist():
        if np.isnan(doubt[index]) or len(taken) == limit:
            break
        if all(abs(index - other) >= gap for other in taken):
            taken.append(index)
    return taken
