"""What the selection by value knows of a video: how wrong its labels probably are, and how far a label reaches."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from al_core.ledger.store import Ledger
from al_core.masks.rle import decode
from al_core.masks.soft import patch_of, shrink
from al_core.records import DeliveredMask, Provenance
from al_core.selection.error_model import OVER_A_CUT, Outlook, expected_overlap, unseen_error
from al_core.selection.hazard import hazards
from al_core.stores.delivered import read_delivered
from al_core.stores.optical_flow import FlowStore
from tasks.steps.context import RoundContext
from tasks.steps.propagate import VideoFrames

Delivered = Mapping[int, Sequence[DeliveredMask]]

MISSED = 0.5
"""Error that a frame is expected to have where half of the teachers see an object that the others do not."""


def outlooks_of(context: RoundContext, asked_before: int | None = None) -> Callable[[int], Outlook] | None:
    """Return the outlook of each video as the round before left it; None before anything was delivered.

    Args:
        asked_before: frames that rounds before this one asked for count as labelled; ``round_id`` when left out.
    """
    project, ledger, round_id, before = context.project, context.ledger, context.round_id, context.before.round_id
    propagation = context.settings.propagation
    paths = ledger.delivered_paths(before)
    if not paths:
        return None
    videos = {video.video_id: video for video in ledger.videos()}
    store = FlowStore(project.cache / "flow")

    @cache
    def outlook(video_id: int) -> Outlook:
        video = videos[video_id]
        delivered = dict(read_delivered(project.absolute(paths[video_id]))) if video_id in paths else {}
        labelled = _labelled(ledger, video_id, round_id if asked_before is None else asked_before)
        shots = context.shots_of(video_id)
        error = np.concatenate([_errors(delivered, sorted(labelled), shot) for shot in shots.ranges(video.n_frames)])
        clip = VideoFrames(context.frames, video)
        flow = store.clip(clip, propagation.flow_long_side, propagation.flow_preset)
        objects = _objects(delivered)
        hazard = hazards(flow, video.n_frames, lambda i: _union(delivered.get(i, ()), flow.size), objects)
        hazard[[cut - 1 for cut in shots.cuts]] = OVER_A_CUT
        parts = (_vacant(delivered, sorted(labelled), shot) for shot in shots.ranges(video.n_frames))
        vacant = frozenset(frame for part in parts for frame in part)
        if vacant:
            somewhere = list(vacant)
            error[somewhere] = unseen_error(Outlook(error, hazard).path, labelled)[somewhere]
        error = 1 - (1 - error) * (1 - MISSED * _disagreement(ledger, before, video_id, video.n_frames))
        return Outlook(error, hazard, frozenset(labelled), objects, vacant)

    return outlook


def _labelled(ledger: Ledger, video_id: int, round_id: int) -> set[int]:
    asked = ledger.asked_frames(round_id)
    return set(asked["frame_idx"][asked["video_id"] == video_id].tolist())


def _errors(delivered: Delivered, labelled: Sequence[int], shot: range) -> NDArray[np.float64]:
    """Return the expected error of every frame of a shot, by the confidence of its masks and the objects of the labels
    around it; 1 where the shot has no label."""
    confidences = ({m.track_id: m.confidence for m in delivered.get(i, ())} for i in shot)
    around = _around(delivered, labelled, shot)
    return np.array([1 - expected_overlap(c, s) if s else 1.0 for c, s in zip(confidences, around, strict=True)])


def _vacant(delivered: Delivered, labelled: Sequence[int], shot: range) -> frozenset[int]:
    """Return the frames of a shot without a mask whose neighbouring labels say that nothing is there."""
    around = zip(shot, _around(delivered, labelled, shot), strict=True)
    return frozenset(i for i, seen in around if seen and not any(seen) and not delivered.get(i)) - set(labelled)


def _around(delivered: Delivered, labelled: Sequence[int], shot: range) -> list[list[set[int]]]:
    """Return, for each frame of a shot, the objects of the label before it and of that after it, where the shot has
    such labels."""
    marks = [i for i in labelled if i in shot]
    seen = {i: {m.track_id for m in delivered.get(i, ()) if m.provenance is Provenance.HUMAN} for i in marks}
    at = np.searchsorted(marks, shot)
    return [[seen[j] for j in marks[max(int(k) - 1, 0) : int(k) + 1]] for k in at]


def _disagreement(ledger: Ledger, round_id: int, video_id: int, n_frames: int) -> NDArray[np.float64]:
    """Return how often teachers miss objects that others see, float64 [n_frames] in [0, 1]; 0 without prediction."""
    found = np.zeros(n_frames)
    rows = ledger.predictions(round_id, video_id)
    found[rows["frame_idx"]] = np.clip(rows["existence_disagreement"], 0, 1)
    return found


def _objects(delivered: Delivered) -> float:
    counts = [len(masks) for masks in delivered.values() if masks]
    return float(np.mean(counts)) if counts else 1.0


def _union(masks: Sequence[DeliveredMask], size: tuple[int, int]) -> NDArray[np.bool_] | None:
    if not masks:
        return None
    found = np.zeros(size, bool)
    for mask in masks:
        patch = patch_of(shrink(decode(mask.rle), size).soft(size))
        found[patch.window.slices] |= patch.values > 0.5
    return found
