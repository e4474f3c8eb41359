"""Audit samples on their way into the ledger and back, and what people's answers say of them."""

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np

from al_core.audit.audit_records import WHOLE_FRAME, AuditAnswer, AuditSample, AuditUnit, Grade, UnitKey
from al_core.evaluation.metrics import JAndF, j_and_f
from al_core.ledger.campaign.audit_requests import AuditQuestion, CarriedRequest
from al_core.ledger.labelling.answers_given import GivenAnswer
from al_core.ledger.labelling.leases import Purpose
from al_core.ledger.store import Ledger
from al_core.masks.matching import matched
from al_core.masks.rle import decode, iou
from al_core.project import Project
from al_core.records import DeliveredMask, FrameRef, LabelKind, LabelRequest
from al_core.stores.delivered import read_delivered
from tasks.auditing.missing_objects import n_missing

BLIND_REASON = "Audit: draw what you see, to measure what was delivered here. It is drawn at random."
JUDGED_REASON = "Audit: say whether this mask is good enough. It is drawn at random."
LOOKED_REASON = "Audit: look for objects that have no mask. The frame is drawn at random."


def store_sample(
    ledger: Ledger, sample: AuditSample, rng: np.random.Generator, carried: Sequence[CarriedRequest] = ()
) -> int:
    """Store a sample and ask for it, in a random order; returns how many requests these are.

    Masks of one frame that are drawn blind are one request: who draws it draws all that is there. What else is asked
    about such a frame waits until it was drawn.

    Args:
        carried: earlier requests that ask the same, which are not asked again.
    """
    stands_for = {one.name: one.request_id for one in carried}
    blind = {u.frame for u in sample.units if u.grade is Grade.MEASURED}
    names = request_names(sample)
    units: dict[str, AuditUnit] = {}
    for unit in sample.units:
        if names[unit.key] not in stands_for:
            units.setdefault(names[unit.key], unit)
    order = rng.permutation(len(units)).tolist()
    asked = [_request(sample, name, u, rank) for (name, u), rank in zip(units.items(), order, strict=True)]
    drawn = {u.key: _blind_id(sample, u.frame) for u in sample.units if u.frame in blind}
    after = {
        names[u.key]: stands_for.get(drawn[u.key], drawn[u.key])
        for u in sample.units
        if u.key in drawn and u.grade is not Grade.MEASURED
    }
    ledger.put_audit_sample(sample)
    ledger.put_audit_requests(asked, after, carried)
    return len(asked)


def request_names(sample: AuditSample) -> dict[UnitKey, str]:
    """Return the request by which each unit is asked for; several units may share one."""
    return {unit.key: _request_id(sample, unit) for unit in sample.units}


def requests_of(ledger: Ledger, sample: AuditSample) -> dict[UnitKey, str]:
    """Return the request by which each unit is asked for, also where that is one of an earlier audit."""
    stands_for = {one.name: one.request_id for one in ledger.carried_requests(sample.round_id)}
    return {key: stands_for.get(name, name) for key, name in request_names(sample).items()}


def answers_of(project: Project, ledger: Ledger, sample: AuditSample) -> dict[UnitKey, AuditAnswer]:
    """Return what people answered of a sample, by unit; masks that were drawn from nothing are compared with what was
    delivered."""
    asked: dict[str, list[UnitKey]] = {}
    for key, name in requests_of(ledger, sample).items():
        asked.setdefault(name, []).append(key)
    given = [g for g in ledger.answers_given(purpose=Purpose.AUDIT) if g.answer.request_id in asked]
    drawn = [g for g in given if g.answer.label.complete]
    delivered = _delivered_in(project, ledger, sample.round_id, {g.answer.label.frame for g in drawn})
    found: dict[UnitKey, AuditAnswer] = {}
    for g in given:
        frame = g.answer.label.frame
        overlaps = _overlaps(delivered.get(frame, ()), g) if g.answer.label.complete else {}
        for key in asked[g.answer.request_id]:
            found[key] = _said(key, g, overlaps.get(key.track_id))
    return found


def _request(sample: AuditSample, name: str, unit: AuditUnit, rank: int) -> tuple[LabelRequest, AuditQuestion]:
    blind = unit.grade is Grade.MEASURED
    reason = BLIND_REASON if blind else LOOKED_REASON if unit.whole_frame else JUDGED_REASON
    kind, track = (LabelKind.MASK, WHOLE_FRAME) if blind else (LabelKind.ACCEPT, unit.track_id)
    about = AuditQuestion(sample.round_id, sample.draw, unit.frame, track, unit.grade.value, sample.iou)
    return LabelRequest(name, sample.round_id, unit.frame, rank, reason, kind), about


def _request_id(sample: AuditSample, unit: AuditUnit) -> str:
    name = _blind_id(sample, unit.frame)
    if unit.grade is Grade.MEASURED:
        return name
    return f"{name}-whole" if unit.whole_frame else f"{name}-t{unit.track_id:05d}"


def _blind_id(sample: AuditSample, frame: FrameRef) -> str:
    return f"audit-r{sample.round_id:04d}-{sample.draw}-v{frame.video_id:05d}-f{frame.frame_idx:07d}"


def _delivered_in(
    project: Project, ledger: Ledger, round_id: int, frames: Iterable[FrameRef]
) -> dict[FrameRef, list[DeliveredMask]]:
    """Return what a round delivered in some frames."""
    paths, found = ledger.delivered_paths(round_id), {}
    by_video: dict[int, list[int]] = {}
    for frame in frames:
        by_video.setdefault(frame.video_id, []).append(frame.frame_idx)
    for video_id in by_video.keys() & paths.keys():
        for index, masks in read_delivered(project.absolute(paths[video_id]), sorted(by_video[video_id])):
            found[FrameRef(video_id, index)] = masks
    return found


def _overlaps(delivered: Sequence[DeliveredMask], given: GivenAnswer) -> dict[int, JAndF]:
    """Return J and F of each delivered mask of a frame with the object of the drawing that it is paired with, by track;
    what is paired with none is left out."""
    drawn = given.answer.label.objects
    pairs = matched(iou([m.rle for m in delivered], [m.rle for m in drawn]), np.finfo(float).tiny)
    return {delivered[i].track_id: j_and_f(decode(delivered[i].rle), decode(drawn[j].rle)) for i, j in pairs}


def _said(key: UnitKey, given: GivenAnswer, overlap: JAndF | None) -> AuditAnswer:
    answer = given.answer
    said = partial(AuditAnswer, key, answer.annotator, answer.answer_id, seconds=answer.seconds or 0.0)
    if key.grade is Grade.MEASURED:
        j, f = (0.0, 0.0) if overlap is None else (overlap.j, overlap.f)
        return said(j=j, f=f)
    if key.track_id == WHOLE_FRAME:
        return said(missed=n_missing(answer.gestures))
    return said(good=answer.kind is LabelKind.ACCEPT)
