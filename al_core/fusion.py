"""One labelled video out of human masks, propagated masks and the teachers' masks.

Frames that people labelled keep their masks as they are. Elsewhere a track's propagated mask and the
teachers' mask of the same object are averaged, each weighted by how well it is expected to fit: the
propagated one by its own confidence, the teachers' by their existence, their agreement with each other, and
by trust, which is measured: how well they fit the propagated masks where those are sure. So the teachers
take over where the flow was lost, and nowhere else.

A video is read twice. The first reading links the teachers' objects over time into tracklets, and lets
every frame in which a tracklet meets a track vote for it; so the teachers can go on with a track in frames
where the flow has lost it. The second reading delivers. Only numbers are kept in between: memory is
bounded.
"""

from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from al_core.propagation.base import PropagatedFrame, PropagatedTrack
from al_core.propagation.soft import (
    Patch,
    Size,
    encode_patch,
    overlaps,
    patch_of,
    resample,
    shrink,
    union,
)
from al_core.records import DeliveredMask, FrameLabel, Provenance
from al_core.rle import decode
from al_core.settings import PropagationSettings
from al_core.stores.predictions import FramePrediction, PredictedObject, SoftMask

LINK_IOU = 0.3
"""Least overlap of a teachers' object with itself some frames later."""

LINK_FRAMES = 5
"""A tracklet may miss so many frames."""

MEET_IOU = 0.1
"""Least overlap at which a tracklet meets a track, or a human mask."""

HUMAN_VOTES = 5.0
"""A meeting in a frame that people labelled counts as so many sure ones in others."""

LOST = 0.4
"""A propagated mask with less confidence is lost."""

ONLY_ONE = 0.2
"""What speaks for an unknown object being a lost track that is the only one of its category."""

SHORTEST_NEW_TRACK = 3
"""Frames in which a new object must be seen."""

SHARPNESS = 6.0
"""How strongly the better of two masks outweighs the other: weights are expected overlaps to this power."""

Propagated = Callable[[], Iterator[PropagatedFrame]]
Predicted = Callable[[], Iterator[FramePrediction]]


def fuse(
    labels: Mapping[int, FrameLabel],
    propagated: Propagated,
    predicted: Predicted | None,
    size: Size,
    settings: PropagationSettings,
) -> Iterator[tuple[int, list[DeliveredMask]]]:
    """The masks of every frame of a video, in order.

    Args:
        labels: what people said, by frame, at full resolution, with identities that hold for the whole
        video. propagated: gives the human masks carried to every frame, in order, anew at each call.
        predicted: gives the teachers' predictions in rising order of frames, anew at each call; None for
        none. size: (height, width) of a frame at full resolution. settings: ``teacher_weight`` multiplies
        the weight of the teachers' masks, 0 leaves them out;
            ``new_object_threshold`` is the least mean existence of an object that only the teachers see.

    Yields:
        (frame, masks by track); a frame without masks has an empty list.
    """
    category = {m.track_id: m.category_id for label in labels.values() for m in label.objects}
    if predicted is None or settings.teacher_weight == 0:
        plan = _Plan({}, {}, {})
        predicted = None
    else:
        plan = _survey(labels, propagated, predicted, category, settings)
    marks = sorted(labels)
    for frame, prediction in _together(propagated, predicted):
        if frame.frame_idx in labels:
            yield frame.frame_idx, _human_masks(labels[frame.frame_idx])
        else:
            nearby = _nearest(labels, marks, frame.frame_idx)
            yield frame.frame_idx, _machine_masks(frame, prediction, plan, category, nearby, size, settings)


# ---- what is known before the first mask is delivered


@dataclass(eq=False)
class _Tracklet:
    """One object as the teachers see it over time.

    Attributes:
        votes: by track; how often and how well it met that track, in sure frames.
        refuted: how often people saw nothing where it was.
        existence: one value per frame in which it was seen, in [0, 1].
    """

    category_id: int
    votes: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    refuted: int = 0
    existence: list[float] = field(default_factory=list)

    def affinity(self, track: int) -> float:
        """In [0, 1]: the share of its votes that are for a track, damped while there are few."""
        return self.votes.get(track, 0.0) / (sum(self.votes.values()) + self.refuted + 0.5)


@dataclass(frozen=True, eq=False)
class _Plan:
    """What the first reading found.

    Attributes:
        tracklets: of each of the teachers' objects, by frame, in the order of its objects.
        new_tracks: number of the track that a tracklet becomes which only the teachers see.
        trust: how far the teachers are to be trusted, by category.
    """

    tracklets: Mapping[int, Sequence[_Tracklet]]
    new_tracks: Mapping[_Tracklet, int]
    trust: "Mapping[int, _Trust]"

    def expected_overlap(self, seen: PredictedObject) -> float:
        """Of one of the teachers' masks with the true one, in [0, 1]."""
        return self.trust.get(seen.category_id, DEFAULT_TRUST).expected_overlap(seen)


@dataclass(frozen=True, slots=True)
class _Trust:
    """How well the teachers' masks of a category fit where it is known.

    Attributes:
        overlap: with sure propagated masks, in [0, 1]; a missed object counts 0.
        certainty: how certain the teachers are of these objects, in [0, 1].
    """

    overlap: float
    certainty: float

    def expected_overlap(self, seen: PredictedObject) -> float:
        """Of one of the teachers' masks with the true one: less where they are less certain than usual."""
        certainty = seen.existence * seen.mask_iou
        return float(self.overlap * min(certainty / max(self.certainty, 1e-3), 1.0) ** 0.5)


DEFAULT_TRUST = _Trust(0.5, 1.0)
"""For a category that was never propagated."""


def _survey(
    labels: Mapping[int, FrameLabel],
    propagated: Propagated,
    predicted: Predicted,
    category: Mapping[int, int],
    settings: PropagationSettings,
) -> _Plan:
    linker = _Linker()
    meetings = _Meetings(category)
    tracklets: dict[int, list[_Tracklet]] = {}
    for frame, prediction in _together(propagated, predicted):
        if prediction is None:
            continue
        found = linker.link(prediction)
        tracklets[frame.frame_idx] = found
        label = labels.get(frame.frame_idx)
        meetings.hold(frame if label is None else _as_frame(label, frame, prediction), prediction, found, label)
    next_track = max(category, default=0) + 1
    new = [t for t in linker.tracklets if _is_new(t, settings)]
    return _Plan(tracklets, {t: next_track + i for i, t in enumerate(new)}, meetings.trust())


def _is_new(tracklet: _Tracklet, settings: PropagationSettings) -> bool:
    if tracklet.refuted or tracklet.votes or len(tracklet.existence) < SHORTEST_NEW_TRACK:
        return False
    return float(np.mean(tracklet.existence)) >= settings.new_object_threshold


class _Linker:
    """Links the teachers' objects of successive frames by overlap."""

    def __init__(self) -> None:
        self.tracklets: list[_Tracklet] = []
        self._last: dict[_Tracklet, tuple[int, SoftMask]] = {}

    def link(self, prediction: FramePrediction) -> list[_Tracklet]:
        """The tracklet of each object of the next frame, in the order of its objects."""
        objects = prediction.objects
        now = prediction.frame_idx
        self._last = {t: seen for t, seen in self._last.items() if now - seen[0] <= LINK_FRAMES}
        known = list(self._last)
        overlap = overlaps([o.soft_mask for o in objects], [self._last[t][1] for t in known])
        same = np.array([[o.category_id == t.category_id for t in known] for o in objects], bool)
        pairs = dict(_matched(np.where(same.reshape(overlap.shape), overlap, 0), LINK_IOU))
        found = []
        for i, seen in enumerate(objects):
            tracklet = known[pairs[i]] if i in pairs else self._begin(seen)
            tracklet.existence.append(seen.existence)
            self._last[tracklet] = (now, seen.soft_mask)
            found.append(tracklet)
        return found

    def _begin(self, seen: PredictedObject) -> _Tracklet:
        self.tracklets.append(_Tracklet(seen.category_id))
        return self.tracklets[-1]


class _Meetings:
    """Where the teachers' objects meet tracks: votes for identities, and trust in the teachers."""

    def __init__(self, category: Mapping[int, int]) -> None:
        self._category = category
        self._held: defaultdict[int, list[tuple[float, float, float]]] = defaultdict(list)

    def hold(
        self,
        frame: PropagatedFrame,
        prediction: FramePrediction,
        tracklets: Sequence[_Tracklet],
        label: FrameLabel | None,
    ) -> None:
        """Hold the teachers' objects of a frame against its tracks; ``label`` when those are people's."""
        tracks = [t for t in frame.tracks if frame.tracks[t].mask.values.size]
        overlap = _pair_overlap(frame, tracks, prediction.objects, self._category)
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

    def trust(self) -> dict[int, _Trust]:
        """By category; the surer a propagated mask is, the more it counts."""
        found = {}
        for category, rows in self._held.items():
            weight, overlap, certainty = np.array(rows).T
            if weight.sum() > 0:
                met = np.where(overlap > 0, weight, 0)
                usual = float((met * certainty).sum() / max(met.sum(), 1e-9))
                found[category] = _Trust(float((weight * overlap).sum() / weight.sum()), usual)
        return found


def _as_frame(label: FrameLabel, frame: PropagatedFrame, prediction: FramePrediction) -> PropagatedFrame:
    """A human label at the size of the teachers' masks."""
    if not prediction.objects or all(m.track_id in frame.tracks for m in label.objects):
        return frame
    size = prediction.objects[0].soft_mask.size
    masks = {m.track_id: shrink(decode(m.rle), size).soft(size) for m in label.objects}
    return PropagatedFrame(frame.frame_idx, {t: PropagatedTrack(m, 1.0) for t, m in masks.items()})


# ---- one frame


def _human_masks(label: FrameLabel) -> list[DeliveredMask]:
    index = label.frame.frame_idx
    return [
        DeliveredMask(index, m.track_id, m.category_id, Provenance.HUMAN, 1.0, m.rle)
        for m in sorted(label.masks, key=lambda m: m.track_id)
    ]


@dataclass(frozen=True, eq=False)
class _Fused:
    """A track in a frame, before objects compete for pixels."""

    track_id: int
    category_id: int
    provenance: Provenance
    confidence: float
    patch: Patch


def _machine_masks(
    frame: PropagatedFrame,
    prediction: FramePrediction | None,
    plan: _Plan,
    category: Mapping[int, int],
    nearby: Sequence[FrameLabel],
    size: Size,
    settings: PropagationSettings,
) -> list[DeliveredMask]:
    objects = prediction.objects if prediction is not None else ()
    grid = _grid(frame, objects)
    if grid is None:
        return []
    tracklets = plan.tracklets.get(frame.frame_idx, ())
    chosen = _assign(frame, objects, tracklets, category, nearby)
    fused = []
    for track in sorted(set(frame.tracks) | set(chosen)):
        seen = objects[chosen[track]] if track in chosen else None
        fused.append(_fuse_track(track, category[track], frame.tracks.get(track), seen, plan, grid, settings))
    fused = [f for f in fused if f.patch.values.size]
    taken = set(chosen.values())
    for i, (seen, tracklet) in enumerate(zip(objects, tracklets, strict=True)):
        if tracklet in plan.new_tracks and i not in taken:
            fused.append(_new_object(plan.new_tracks[tracklet], seen, plan, grid))
    return _deliver(frame.frame_idx, fused, grid, size)


def _grid(frame: PropagatedFrame, objects: Sequence[PredictedObject]) -> Size | None:
    """The size at which a frame's masks are fused: that of the propagated masks, else of the teachers'."""
    masks = [t.mask for t in frame.tracks.values()] + [o.soft_mask for o in objects]
    return masks[0].size if masks else None


def _assign(
    frame: PropagatedFrame,
    objects: Sequence[PredictedObject],
    tracklets: Sequence[_Tracklet],
    category: Mapping[int, int],
    nearby: Sequence[FrameLabel],
) -> dict[int, int]:
    """Which of the teachers' objects is which track in this frame: track -> position of the object."""
    tracks = sorted(category)
    if not objects or not tracks:
        return {}
    here = [t for t in tracks if t in frame.tracks]
    lost = _lost_alone(frame, category, nearby)
    overlap = dict(zip(here, _pair_overlap(frame, here, objects, category), strict=True))
    score = np.zeros((len(tracks), len(objects)))
    for i, track in enumerate(tracks):
        for j, (seen, tracklet) in enumerate(zip(objects, tracklets, strict=True)):
            if seen.category_id != category[track]:
                continue
            local = overlap[track][j] * frame.tracks[track].confidence if track in frame.tracks else 0.0
            guess = ONLY_ONE if track in lost and not tracklet.refuted and not tracklet.votes else 0.0
            score[i, j] = (local + tracklet.affinity(track) + guess) * seen.existence
    return {tracks[i]: j for i, j in _matched(score, MEET_IOU)}


def _lost_alone(frame: PropagatedFrame, category: Mapping[int, int], nearby: Sequence[FrameLabel]) -> set[int]:
    """Tracks that the flow has lost, and that are the only ones of their category in the video.

    A track that is missing from all of the nearest labels is not lost: people say that it is not there.
    """
    alone = {c for c, n in Counter(category.values()).items() if n == 1}
    found = {t for t, carried in frame.tracks.items() if carried.confidence >= LOST}
    around = {m.track_id for label in nearby for m in label.objects}
    return {t for t, c in category.items() if c in alone and t in around - found}


def _nearest(labels: Mapping[int, FrameLabel], marks: Sequence[int], frame_idx: int) -> list[FrameLabel]:
    """The labels just before and just after a frame; ``marks`` are the labelled frames in rising order."""
    at = bisect(marks, frame_idx)
    return [labels[mark] for mark in marks[max(at - 1, 0) : at + 1]]


def _fuse_track(
    track_id: int,
    category_id: int,
    carried: PropagatedTrack | None,
    seen: PredictedObject | None,
    plan: _Plan,
    grid: Size,
    settings: PropagationSettings,
) -> _Fused:
    """The weighted mean of what the flow brought and what the teachers see."""
    sides = []
    if carried is not None:
        sides.append((patch_of(carried.mask), carried.confidence, carried.confidence**SHARPNESS))
    if seen is not None:
        expected = plan.expected_overlap(seen)
        weight = settings.teacher_weight * expected**SHARPNESS
        sides.append((resample(patch_of(seen.soft_mask), seen.soft_mask.size, grid), expected, weight))
    total = max(sum(weight for _, _, weight in sides), 1e-9)
    shares = [weight / total for _, _, weight in sides]
    window = union([patch.window for patch, _, _ in sides])
    parts = [patch.on(window) * np.float32(share) for (patch, _, _), share in zip(sides, shares, strict=True)]
    values = np.add.reduce(parts)
    confidence = sum(expected * share for (_, expected, _), share in zip(sides, shares, strict=True))
    teacher_leads = seen is not None and (carried is None or sides[1][2] > sides[0][2])
    provenance = Provenance.TEACHER if teacher_leads else Provenance.PROPAGATED
    return _Fused(track_id, category_id, provenance, confidence, Patch(window.x0, window.y0, values))


def _new_object(track_id: int, seen: PredictedObject, plan: _Plan, grid: Size) -> _Fused:
    patch = resample(patch_of(seen.soft_mask), seen.soft_mask.size, grid)
    return _Fused(track_id, seen.category_id, Provenance.TEACHER, plan.expected_overlap(seen), patch)


def _deliver(frame_idx: int, fused: Sequence[_Fused], grid: Size, size: Size) -> list[DeliveredMask]:
    masks = []
    for found, margin in zip(fused, _margins([f.patch for f in fused], grid), strict=True):
        patch = resample(margin, grid, size)
        if (patch.values > 0.5).any():
            rle = encode_patch(patch, size)
            masks.append(
                DeliveredMask(frame_idx, found.track_id, found.category_id, found.provenance, found.confidence, rle)
            )
    return masks


def _margins(patches: Sequence[Patch], grid: Size) -> list[Patch]:
    """How clearly each object wins each pixel from the others and from the background, 0.5 being a draw.

    Two margins never add up to more than 1, which enlarging them bilinearly keeps: masks cut at 0.5 do not
    overlap, and no gap opens between objects that touch.
    """
    if len(patches) == 1:
        return list(patches)
    total = np.zeros(grid, np.float32)
    best = np.zeros(grid, np.float32)
    second = np.zeros(grid, np.float32)
    for patch in patches:
        place = patch.window.slices
        total[place] += patch.values
        second[place] = np.maximum(second[place], np.minimum(best[place], patch.values))
        best[place] = np.maximum(best[place], patch.values)
    background = np.maximum(1 - total, 0)
    margins = []
    for patch in patches:
        place = patch.window.slices
        rival = np.where(patch.values >= best[place], second[place], best[place])
        margin = 0.5 + 0.5 * (patch.values - np.maximum(background[place], rival))
        margins.append(patch._replace(values=np.clip(margin, 0, 1).astype(np.float32)))
    return margins


# ---- small things


def _together(
    propagated: Propagated, predicted: Predicted | None
) -> Iterator[tuple[PropagatedFrame, FramePrediction | None]]:
    """Every propagated frame with its prediction, None where there is none."""
    predictions = predicted() if predicted is not None else iter(())
    upcoming = next(predictions, None)
    for frame in propagated():
        while upcoming is not None and upcoming.frame_idx < frame.frame_idx:
            upcoming = next(predictions, None)
        match = upcoming is not None and upcoming.frame_idx == frame.frame_idx
        yield frame, upcoming if match else None


def _pair_overlap(
    frame: PropagatedFrame,
    tracks: Sequence[int],
    objects: Sequence[PredictedObject],
    category: Mapping[int, int],
) -> NDArray[np.float32]:
    """IoU of every track with every object of its category, float32 [tracks, objects]; 0 for other
    categories.
    """
    overlap = overlaps([frame.tracks[t].mask for t in tracks], [o.soft_mask for o in objects])
    same = np.array([[category[t] == o.category_id for o in objects] for t in tracks], bool)
    return np.asarray(np.where(same.reshape(overlap.shape), overlap, 0), np.float32)


def _matched(score: NDArray[np.floating], least: float) -> list[tuple[int, int]]:
    """The one-to-one pairs with the greatest sum of scores, of those that reach ``least``."""
    rows, columns = linear_sum_assignment(score, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if score[i, j] >= least]
