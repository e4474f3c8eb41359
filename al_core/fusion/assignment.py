"""The teachers' objects of a frame matched with its tracks."""

from bisect import bisect
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from al_core.fusion.pairing import MEET_IOU, pair_overlap
from al_core.fusion.survey import Tracklet
from al_core.masks.matching import matched
from al_core.propagation.base import PropagatedFrame
from al_core.records import ONE_SHOT, FrameLabel, Shots
from al_core.stores.predictions import PredictedObject

LOST = 0.4
"""A propagated mask with less confidence is lost."""

ONLY_ONE = 0.2
"""Score of an unknown object as a lost track that is the only one of its category."""


def assign(
    frame: PropagatedFrame,
    objects: Sequence[PredictedObject],
    tracklets: Sequence[Tracklet],
    category: Mapping[int, int],
    nearby: Sequence[FrameLabel],
) -> dict[int, int]:
    """Match the teachers' objects in a frame with its tracks: track -> position of the object."""
    tracks = sorted(category)
    if not objects or not tracks:
        return {}
    here = [t for t in tracks if t in frame.tracks]
    lost = _lost_alone(frame, category, nearby)
    overlap = dict(zip(here, pair_overlap(frame, here, objects, category), strict=True))
    score = np.zeros((len(tracks), len(objects)))
    for i, track in enumerate(tracks):
        for j, (seen, tracklet) in enumerate(zip(objects, tracklets, strict=True)):
            if seen.category_id != category[track]:
                continue
            local = overlap[track][j] * frame.tracks[track].confidence if track in frame.tracks else 0.0
            guess = ONLY_ONE if track in lost and not tracklet.refuted and not tracklet.votes else 0.0
            score[i, j] = (local + tracklet.affinity(track) + guess) * seen.existence
    return {tracks[i]: j for i, j in matched(score, MEET_IOU)}


def _lost_alone(frame: PropagatedFrame, category: Mapping[int, int], nearby: Sequence[FrameLabel]) -> set[int]:
    """Return tracks that the propagation has lost, and that are the only ones of their category in the video.

    A track that is missing from all of the nearest labels is not lost: people say that it is not there.
    """
    alone = {c for c, n in Counter(category.values()).items() if n == 1}
    found = {t for t, carried in frame.tracks.items() if carried.confidence >= LOST}
    around = {m.track_id for label in nearby for m in label.objects}
    return {t for t, c in category.items() if c in alone and t in around - found}


def nearest_labels(
    labels: Mapping[int, FrameLabel], marks: Sequence[int], frame_idx: int, shots: Shots = ONE_SHOT
) -> list[FrameLabel]:
    """Return the labels just before and just after a frame, as far as they are of its shot.

    Args:
        marks: the labelled frames in rising order.
    """
    at = bisect(marks, frame_idx)
    return [labels[mark] for mark in marks[max(at - 1, 0) : at + 1] if shots.together(mark, frame_idx)]
