"""The simulated annotator answers an audit: it judges with its own error, and draws with its own noise."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from al_core.audit.audit_records import AuditSample, AuditUnit, Grade
from al_core.masks.matching import matched
from al_core.masks.rle import iou
from al_core.oracle import SimulatedAnnotator, request_rng
from al_core.records import Answer, DeliveredMask, FrameLabel, FrameRef, Gesture, LabelKind, LabelRequest
from al_core.stores.delivered import read_delivered
from tasks.auditing.missing_objects import MISSING
from tasks.auditing.samples import requests_of
from tasks.steps.context import RoundContext

SEEN_IOU = 0.1
"""An object counts as missed where no delivered mask overlaps it at least so much."""


def answer_audit(context: RoundContext, sample: AuditSample) -> int:
    """Answer what was drawn from a round's delivery, as far as there is truth; returns how many answers these are."""
    ledger, settings = context.ledger, context.settings
    names = requests_of(ledger, sample)
    truth = _truth(context, {unit.frame for unit in sample.units})
    delivered = _delivered(context, truth)
    annotator = SimulatedAnnotator(truth.get, settings.annotator)
    requests = {r.request_id: r for r in ledger.requests(status="open", purpose="audit")}
    done = 0
    for unit in {names[u.key]: u for u in sample.units}.values():
        label = truth.get(unit.frame)
        request = requests.get(names[unit.key])
        # What an earlier audit asked of the same mask may be answered already.
        if label is None or request is None:
            continue
        rng = request_rng(settings.seed, request.request_id)
        if unit.grade is Grade.MEASURED:
            answer = annotator.answer(request, rng)
        else:
            answer = _judged(context, request, unit, label, delivered.get(unit.frame, []), rng)
        done += ledger.put_answer(answer)
    return done


def _judged(
    context: RoundContext,
    request: LabelRequest,
    unit: AuditUnit,
    truth: FrameLabel,
    delivered: Sequence[DeliveredMask],
    rng: np.random.Generator,
) -> Answer:
    settings = context.settings
    overlap = iou([m.rle for m in delivered], [m.rle for m in truth.objects])
    if unit.whole_frame:
        missed = int((overlap.max(axis=0) < SEEN_IOU).sum()) if len(delivered) else len(truth.objects)
        good, seconds = not missed, settings.audit.look_seconds
        gestures = tuple(Gesture(MISSING, 0) for _ in range(missed))
    else:
        pairs = {delivered[i].track_id: float(overlap[i, j]) for i, j in matched(overlap, np.finfo(float).tiny)}
        seems = pairs.get(unit.track_id, 0.0) + rng.normal(0, settings.annotator.judgement_error)
        good, seconds = seems >= settings.audit.iou, settings.audit.judge_seconds
        gestures = (Gesture("accept", unit.track_id, good),)
    kind = LabelKind.ACCEPT if good else LabelKind.REJECT
    label = FrameLabel(request.frame, (), complete=False)
    return Answer(f"{request.request_id}-simulated", request.request_id, label, kind, seconds, "simulated", gestures)


def _truth(context: RoundContext, frames: set[FrameRef]) -> dict[FrameRef, FrameLabel]:
    by_video: dict[int, list[int]] = {}
    for frame in frames:
        by_video.setdefault(frame.video_id, []).append(frame.frame_idx)
    found = {}
    for video_id, indices in by_video.items():
        for index, label in context.ledger.truth(video_id, sorted(indices)).items():
            found[FrameRef(video_id, index)] = replace(label, frame=FrameRef(video_id, index))
    return found


def _delivered(context: RoundContext, frames: dict[FrameRef, FrameLabel]) -> dict[FrameRef, list[DeliveredMask]]:
    found = {}
    for video_id, path in context.ledger.delivered_paths(context.round_id).items():
        mine = sorted(frame.frame_idx for frame in frames if frame.video_id == video_id)
        for index, masks in read_delivered(context.project.absolute(path), mine) if mine else ():
            found[FrameRef(video_id, index)] = masks
    return found
