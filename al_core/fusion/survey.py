"""The first reading: the teachers' objects linked over time, the tracks that they meet, and how far to trust them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from al_core.fusion.pairing import MEET_IOU, SHARPNESS, Predicted, Propagated, frames_with_predictions, pair_overlap
from al_core.masks.matching import matched
from al_core.masks.overlap import overlaps
from al_core.masks.rle import decode
from al_core.masks.soft import SoftMask, shrink
from al_core.propagation.base import PropagatedFrame, PropagatedTrack
from al_core.records import ONE_SHOT, FrameLabel, LabelKind, Shots
from al_core.settings import PropagationSettings
from al_core.stores.predictions import FramePrediction, PredictedObject

LINK_IOU = 0.3
"""Least overlap of a teachers' object with itself some frames later."""

LINK_FRAMES = 5
"""Most frames in a row that a tracklet may miss."""

HUMAN_VOTES = 5.0
"""A meeting in a frame that people labelled counts as this number of sure ones in others."""

SHORTEST_NEW_TRACK = 3
"""Frames in which a new object must be seen, or all of its shot where there are fewer."""


@dataclass(eq=False)
class Tracklet:
    """One object as the teachers see it over time.

    Attributes:
        shot: number of the shot that it is in, from 0.
        votes: by track; how often and how well it met that track, in sure frames.
        refuted: how often people saw nothing where it was.
        existence: in each frame in which it was seen, in [0, 1].
    """

    category_id: int
    shot: int = 0
    votes: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    refuted: int = 0
    existence: list[float] = field(default_factory=list)

    def affinity(self, track: int) -> float:
        """Return the share of its votes that are for a track, in [0, 1], damped while there are few."""
        return self.votes.get(track, 0.0) / (sum(self.votes.values()) + self.refuted + 0.5)


@dataclass(frozen=True, eq=False)
class Plan:
    """What the first reading found.

    Attributes:
        tracklets: of each of the teachers' objects, by frame, in the order of its objects.
        new_tracks: number of the track that a tracklet becomes which only the teachers see.
        trust: in the teachers, by category.
    """

    tracklets: Mapping[int, Sequence[Tracklet]]
    new_tracks: Mapping[Tracklet, int]
    trust: "Mapping[int, Trust]"

    def expected_overlap(self, seen: PredictedObject) -> float:
        """Return the expected overlap of one of the teachers' masks with the true one, in [0, 1]."""
        return self.trust.get(seen.category_id, DEFAULT_TRUST).expected_overlap(seen)


@dataclass(frozen=True, slots=True)
class Trust:
    """How well the teachers' masks of a category fit where it is known: their overlap with sure propagated masks (a
    missed object counts 0), and how certain they are of these objects, in [0, 1]."""

    overlap: float
    certainty: float

    def expected_overlap(self, seen: PredictedObject) -> float:
        """Return the expected overlap of a mask with the true one: less where the teachers are less certain."""
        certainty = seen.existence * seen.mask_iou
        return float(self.overlap * min(certainty / max(self.certainty, 1e-3), 1.0) ** 0.5)


DEFAULT_TRUST = Trust(0.5, 1.0)
"""For a category that was never propagated."""


class Judged(NamedTuple):
    """How the teachers did on labels that they were not trained on.

    Attributes:
        overlap: mean IoU with the objects of these labels, in [0, 1]; a missed one counts 0.
        n: objects that it is the mean of, at least one.
    """

    overlap: float
    n: int


SURE_COUNTS = 2.0
"""Objects that the overlap with sure propagated masks counts as, beside what people judged."""


def judge(labels: Iterable[FrameLabel], predictions: Iterable[FramePrediction]) -> dict[int, Judged]:
    """Hold the teachers' objects against labels of a video that they were not trained on, by category.

    Args:
        labels: complete ones; masks that were accepted are what somebody's propagation made, and judge nothing.
        predictions: of their frames, in rising order.
    """
    by_frame = {prediction.frame_idx: prediction.objects for prediction in predictions}
    found: defaultdict[int, list[float]] = defaultdict(list)
    for label in labels:
        objects = by_frame.get(label.frame.frame_idx)
        for mask in label.objects if objects is not None else ():
            if mask.kind is LabelKind.ACCEPT:
                continue
            same = [seen.soft_mask for seen in objects or () if seen.category_id == mask.category_id]
            best = 0.0
            if same:
                size = same[0].size
                best = float(overlaps([shrink(decode(mask.rle), size).soft(size)], same).max())
            found[mask.category_id].append(best)
    return {category: Judged(float(np.mean(values)), len(values)) for category, values in found.items()}


def survey(
    labels: Mapping[int, FrameLabel],
    propagated: Propagated,
    predicted: Predicted,
    category: Mapping[int, int],
    settings: PropagationSettings,
    shots: Shots = ONE_SHOT,
    known: Mapping[int, Judged] | None = None,
) -> Plan:
    """Read a video once, and keep numbers only.

    Args:
        shots: of the video; nothing is linked over a cut.
        known: how the teachers did on labels, by category.
    """
    linker = _Linker(shots)
    meetings = _Meetings(category)
    tracklets: dict[int, list[Tracklet]] = {}
    lengths: Counter[int] = Counter()
    for frame, prediction in frames_with_predictions(propagated, predicted):
        lengths[shots.shot_of(frame.frame_idx)] += 1
        if prediction is None:
            continue
        found = tracklets[frame.frame_idx] = linker.link(prediction)
        label = labels.get(frame.frame_idx)
        meetings.hold(frame if label is None else _as_frame(label, frame, prediction), prediction, found, label)
    next_track = max(category, default=0) + 1
    new = [t for t in linker.tracklets if _is_new(t, settings, min(SHORTEST_NEW_TRACK, lengths[t.shot]))]
    return Plan(tracklets, {t: next_track + i for i, t in enumerate(new)}, meetings.trust(known or {}))


def _is_new(tracklet: Tracklet, settings: PropagationSettings, shortest: int) -> bool:
    if tracklet.refuted or tracklet.votes or len(tracklet.existence) < shortest:
        return False
    return float(np.mean(tracklet.existence)) >= settings.new_object_threshold


class _Linker:
    """Links the teachers' objects of successive frames by overlap."""

    def __init__(self, shots: Shots) -> None:
        self.tracklets: list[Tracklet] = []
        self._shots = shots
        self._last: dict[Tracklet, tuple[int, SoftMask]] = {}

    def link(self, prediction: FramePrediction) -> list[Tracklet]:
        """Return the tracklet of each object of the next frame, in the order of its objects."""
        objects = prediction.objects
        now = prediction.frame_idx
        self._last = {t: seen for t, seen in self._last.items() if self._is_near(seen[0], now)}
        known = list(self._last)
        overlap = overlaps([o.soft_mask for o in objects], [self._last[t][1] for t in known])
        same = np.equal.outer([o.category_id for o in objects], [t.category_id for t in known])
        pairs = dict(matched(np.where(same, overlap, 0), LINK_IOU))
        shot = self._shots.shot_of(now)
        found = [known[pairs[i]] if i in pairs else Tracklet(seen.category_id, shot) for i, seen in enumerate(objects)]
        self.tracklets += [tracklet for i, tracklet in enumerate(found) if i not in pairs]
        for seen, tracklet in zip(objects, found, strict=True):
            tracklet.existence.append(seen.existence)
            self._last[tracklet] = (now, seen.soft_mask)
        return found

    def _is_near(self, before: int, now: int) -> bool:
        return now - before <= LINK_FRAMES and self._shots.together(before, now)


class _Meetings:
    """Where the teachers' objects meet tracks: votes for identities, and trust in the teachers."""

    def __init__(self, category: Mapping[int, int]) -> None:
        self._category = category
        self._held: defaultdict[int, list[tuple[float, float, float]]] = defaultdict(list)

    def hold(
        self,
        frame: PropagatedFrame,
        prediction: FramePrediction,
        tracklets: Sequence[Tracklet],
        label: FrameLabel | None,
    ) -> None:
        """Hold the teachers' objects of a frame against its tracks; ``label`` when those are people's."""
        tracks = [t for t in frame.tracks if frame.tracks[t].mask.values.size]
        overlap = pair_overlap(frame, tracks, prediction.objects, self._category)
        for track, row in zip(tracks, overlap, strict=True):
            weight = HUMAN_VOTES if label is not None else frame.tracks[track].confidence ** SHARPNESS
            for tracklet, iou in zip(tracklets, row, strict=True):
                if iou >= MEET_IOU:
                    tracklet.votes[track] += weight * float(iou)
            if label is None:
                # The student was trained on the labelled frames: they would flatter it.
                best = prediction.objects[int(row.argmax())] if row.any() else None
                certainty = best.existence * best.mask_iou if best is not None else 0.0
                self._held[self._category[track]].append((weight, float(row.max(initial=0)), certainty))
        if label is not None:
            nearest = overlap.max(axis=0, initial=0)
            for tracklet, iou in zip(tracklets, nearest, strict=True):
                tracklet.refuted += bool(iou < MEET_IOU)

    def trust(self, known: Mapping[int, Judged]) -> dict[int, Trust]:
        """Return the trust in the teachers by category: the mean overlap with propagated masks, of which the surer ones
        count more, and with what people said."""
        found = {}
        for category, rows in self._held.items():
            weight, overlap, certainty = np.array(rows).T
            if weight.sum() > 0:
                met = np.where(overlap > 0, weight, 0)
                usual = float((met * certainty).sum() / max(met.sum(), 1e-9))
                found[category] = Trust(float((weight * overlap).sum() / weight.sum()), usual)
        for category, judged in known.items():
            before = found.get(category, DEFAULT_TRUST)
            total = judged.overlap * judged.n + before.overlap * SURE_COUNTS
            found[category] = replace(before, overlap=total / (judged.n + SURE_COUNTS))
        return found


def _as_frame(label: FrameLabel, frame: PropagatedFrame, prediction: FramePrediction) -> PropagatedFrame:
    """Bring a human label to the size of the teachers' masks."""
    if not prediction.objects or all(m.track_id in frame.tracks for m in label.objects):
        return frame
    size = prediction.objects[0].soft_mask.size
    masks = {m.track_id: shrink(decode(m.rle), size).soft(size) for m in label.objects}
    return PropagatedFrame(frame.frame_idx, {t: PropagatedTrack(m, 1.0) for t, m in masks.items()})
