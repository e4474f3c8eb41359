"""One labelled video out of human masks, propagated masks and the teachers' masks.

Frames that people labelled keep their masks as they are; where they labelled some objects only, these keep theirs. Of a
category that somebody said is not in a frame, nothing else is delivered there.
Elsewhere the masks of several propagators become one (:func:`combine`), and a track's propagated mask and the teachers'
mask of the same object are averaged, each weighted by how well it is expected to fit: the propagated one by its own
confidence, the teachers' by their existence, their agreement with each other, and by trust, which is measured: how well
they fit the propagated masks where those are sure, and labels that they were not trained on. So the teachers take over
where the propagation was lost, and nowhere else.

A video is read twice. The first reading links the teachers' objects over time into tracklets, and lets every frame in
which a tracklet meets a track vote for it; so the teachers can go on with a track in frames where the propagation has
lost it. The second reading delivers. Only numbers are kept in between: memory is bounded.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from al_core.evaluation.calibration import IDENTITY, Calibration
from al_core.fusion.assignment import assign, nearest_labels
from al_core.fusion.blending import deliver, fuse_track, new_object
from al_core.fusion.combination import combine, members, propagations
from al_core.fusion.pairing import Predicted, Propagated, frames_with_predictions
from al_core.fusion.partly_known import known_alike, side_by_side
from al_core.fusion.survey import Judged, Plan, survey
from al_core.masks.soft import Size
from al_core.propagation.base import PropagatedFrame
from al_core.records import ONE_SHOT, DeliveredMask, FrameLabel, Shots
from al_core.settings import PropagationSettings
from al_core.stores.human_masks import human_masks, with_human
from al_core.stores.predictions import FramePrediction

__all__ = ["combine", "fuse", "known_alike", "members", "propagations", "side_by_side", "teachers_alone"]

RuledOut = Callable[[int], Collection[int]]
"""Gives the categories of which people said that they are not in a frame."""


def fuse(
    labels: Mapping[int, FrameLabel],
    propagated: Propagated,
    predicted: Predicted | None,
    size: Size,
    settings: PropagationSettings,
    calibrations: Mapping[str, Calibration] | None = None,
    shots: Shots = ONE_SHOT,
    known: Mapping[int, Judged] | None = None,
    ruled_out: RuledOut | None = None,
) -> Iterator[tuple[int, list[DeliveredMask]]]:
    """Yield (frame, its masks by track) for every frame of a video, in order.

    Args:
        labels: what people said, by frame, at full resolution, with identities that hold for the whole video.
        propagated: gives the human masks carried to every frame, in order at each call (see :func:`combine`).
        predicted: gives the teachers' predictions in rising order of frames at each call; None for none.
        size: (height, width) of a frame at full resolution.
        settings: ``teacher_weight`` and ``new_object_threshold``.
        calibrations: of the confidence that is delivered, by provenance; it changes no mask.
        shots: of the video; the teachers' objects are not linked over a cut, and labels of other shots say nothing.
        known: how the teachers did on labels that they were not trained on, by category.
        ruled_out: categories that are not in a frame: their masks are left out before objects compete for pixels.
    """
    category = {m.track_id: m.category_id for label in labels.values() for m in label.objects}
    predicted = predicted if settings.teacher_weight else None
    whole = {i: label for i, label in labels.items() if label.complete}
    plan = Plan({}, {}, {})
    if predicted is not None:
        plan = survey(whole, propagated, predicted, category, settings, shots, known)
    marks = sorted(whole)
    for frame, prediction in frames_with_predictions(propagated, predicted):
        if frame.frame_idx in whole:
            yield frame.frame_idx, human_masks(whole[frame.frame_idx])
            continue
        nearby = nearest_labels(whole, marks, frame.frame_idx, shots)
        gone = frozenset[int]() if ruled_out is None else ruled_out(frame.frame_idx)
        masks = _machine_masks(frame, prediction, plan, category, nearby, size, settings, gone)
        masks = [_calibrated(mask, calibrations or {}) for mask in masks]
        said = labels.get(frame.frame_idx)
        yield frame.frame_idx, masks if said is None else with_human(masks, said)


def teachers_alone(
    frames: Sequence[int],
    predicted: Predicted,
    size: Size,
    settings: PropagationSettings,
    calibrations: Mapping[str, Calibration] | None = None,
    shots: Shots = ONE_SHOT,
) -> Iterator[tuple[int, list[DeliveredMask]]]:
    """Yield (frame, its masks by track) for frames of which nobody labelled any, linked over time by overlap.

    With all frames of a video it is what :func:`fuse` makes of it without labels. Of fewer frames, those that follow
    each other count as neighbours where they are of one shot.

    Args:
        frames: numbers of the frames that were looked at, rising.
        predicted: gives the predictions of these frames, in their order, at each call.

    The other arguments are as for :func:`fuse`.
    """

    def in_a_row() -> Iterator[FramePrediction]:
        return (replace(prediction, frame_idx=i) for i, prediction in enumerate(predicted()))

    bare = [PropagatedFrame(i, {}) for i in range(len(frames))]
    begins = [at for at, (before, here) in enumerate(pairwise(frames), start=1) if not shots.together(before, here)]
    plan = survey({}, lambda: iter(bare), in_a_row, {}, settings, Shots(tuple(begins)))
    for frame, prediction in zip(bare, in_a_row(), strict=True):
        masks = _machine_masks(frame, prediction, plan, {}, (), size, settings)
        here = (replace(mask, frame_idx=frames[frame.frame_idx]) for mask in masks)
        yield frames[frame.frame_idx], [_calibrated(mask, calibrations or {}) for mask in here]


def _machine_masks(
    frame: PropagatedFrame,
    prediction: FramePrediction | None,
    plan: Plan,
    category: Mapping[int, int],
    nearby: Sequence[FrameLabel],
    size: Size,
    settings: PropagationSettings,
    gone: Collection[int] = (),
) -> list[DeliveredMask]:
    objects = prediction.objects if prediction is not None else ()
    # Masks are fused at the size of the propagated ones, else of the teachers'.
    grid = next((m.size for m in (*(t.mask for t in frame.tracks.values()), *(o.soft_mask for o in objects))), None)
    if grid is None:
        return []
    tracklets = plan.tracklets.get(frame.frame_idx, ())
    chosen = assign(frame, objects, tracklets, category, nearby)
    fused = []
    for track in sorted(set(frame.tracks) | set(chosen)):
        seen = objects[chosen[track]] if track in chosen else None
        fused.append(fuse_track(track, category[track], frame.tracks.get(track), seen, plan, grid, settings))
    fused = [f for f in fused if f.patch.values.size]
    taken = set(chosen.values())
    for i, (seen, tracklet) in enumerate(zip(objects, tracklets, strict=True)):
        if tracklet in plan.new_tracks and i not in taken:
            fused.append(new_object(plan.new_tracks[tracklet], seen, plan, grid))
    return deliver(frame.frame_idx, [f for f in fused if f.category_id not in gone], grid, size)


def _calibrated(mask: DeliveredMask, calibrations: Mapping[str, Calibration]) -> DeliveredMask:
    calibration = calibrations.get(mask.provenance.value, IDENTITY)
    return mask if calibration == IDENTITY else replace(mask, confidence=calibration(mask.confidence))
