"""The calls of tracking: an object is carried on, and what a person corrects on the way is stored."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from al_core.errors import BadLabel, FewframesError
from al_core.ledger.labelling.leases import Purpose
from al_core.ledger.store import Ledger
from al_core.records import Answer, FrameLabel, FrameRef, LabelKind, MaskLabel, Video
from tasks.web.api import answer_examples as examples
from tasks.web.auth import Labeller
from tasks.web.error_responses import answers, told_to
from tasks.web.label_cache import LabelCache
from tasks.web.label_routes import RequestId, refusals
from tasks.web.schemas import (
    MOST_GESTURES,
    MOST_NAMED,
    GestureBody,
    LeaseBody,
    Masks,
    Seconds,
    Track,
    checked_masks,
    kind_by_tools,
    made_with,
    refuse_blank,
)
from tasks.web.tracking.live_tracks import FRAMES, MOST_FRAMES, TRACKING, DecodedMasks, Way, follower, way

_RLE = examples.RLE
_FRAME = {"frame_idx": 121, "masks": [{"track_id": 1, "category_id": 1, "rle": _RLE, "confidence": 0.94}]}
_STORED = {"answer_id": examples.STORED["answer_id"], "request_id": f"tracked-{examples.STORED['answer_id']}"}

router = APIRouter()

FrameIndex = Annotated[int, Field(ge=0, le=2**31 - 1)]


class TrackBody(LeaseBody):
    """Objects as they are in a frame of the video of the frame in hand; they are carried to the frames after it (1) or
    before it (-1)."""

    frame_idx: FrameIndex
    direction: Literal[1, -1]
    masks: Annotated[Masks, Field(min_length=1)]
    most: Annotated[int, Field(ge=1, le=MOST_FRAMES)] = FRAMES
    made_at: Annotated[int, Field(ge=0)] = 0


class TrackedBody(BaseModel):
    """What a person corrected in a frame that objects were carried to. Where it is not complete it says where its
    masks' objects are, and that those of ``absent`` are not here; of others it says nothing."""

    answer_id: UUID
    frame_idx: FrameIndex
    kind: Literal["mask", "accept", "absent"] = "mask"
    seconds: Seconds
    masks: Masks
    complete: bool = False
    absent: Annotated[list[Track], Field(max_length=MOST_NAMED)] = []
    gestures: Annotated[list[GestureBody], Field(max_length=MOST_GESTURES)] | None = None


@router.post(
    "/api/requests/{request_id}/track",
    response_class=StreamingResponse,
    responses=answers(403, 404, 409, example=_FRAME),
)
def track(request: Request, person: Labeller, request_id: RequestId, body: TrackBody) -> StreamingResponse:
    """Carry objects on, frame by frame: each frame comes as a line of JSON as soon as it is there, and the last line
    says why it is the last ("end", "cut", "labelled", "far" or "superseded"). A newer call, or a gesture, ends an older
    one. Nothing is stored; frames that are held out are left out."""
    cache, ledger = _cache(request), _ledger(request)
    with refusals(request, person, request_id):
        question = cache.question(request_id)
        ledger.renew(request_id, person.name, body.lease, cache.lease_seconds())
        if question.purpose not in (Purpose.LABEL, Purpose.TRACKED):
            raise BadLabel("this frame measures what people and models do: nothing is tracked from it")
        video = cache.video(question.request.frame.video_id)
        cache.check(FrameRef(video.video_id, body.frame_idx))
        masks = checked_masks(body.masks, video, cache.kinds().names)
        if any(mask.ignore for mask in masks):
            raise BadLabel("a region to ignore has no number and cannot be tracked; send objects only")
        refuse_blank(masks)
    project = request.app.state.context.project
    ahead = _way(cache, ledger, video, body, masks)
    held_out = ledger.holdout_frames()
    unseen = {i for v, i in zip(held_out["video_id"], held_out["frame_idx"], strict=True) if v == video.video_id}

    def lines() -> Iterator[str]:
        # The server starts without scipy.
        from tasks.web.refining.page_gestures import Superseded

        kinds = {mask.track_id: mask.category_id for mask in masks}
        try:
            with cache.gestures.at_work((request_id, TRACKING), body.made_at) as going_on:
                follow = follower(project, cache.frames(video.video_id), video, cache.newest_settings().propagation)
                found = follow(body.frame_idx, DecodedMasks(masks), ahead.frames)
                for index in ahead.frames:
                    going_on()
                    carried = next(found)
                    shown = [
                        {"track_id": m.track_id, "category_id": kinds[m.track_id], "rle": m.rle.to_coco(),
                         "confidence": round(m.confidence, 4)} for m in carried
                    ]  # fmt: skip
                    if index not in unseen:
                        yield _line(frame_idx=index, masks=shown)
        except Superseded:
            yield _line(until="superseded")
        except FewframesError as error:
            # The answer has begun: its status cannot say it any more.
            yield _line(error=told_to(request, error))
        else:
            yield _line(until=ahead.until)

    return StreamingResponse(lines(), media_type="application/x-ndjson", headers={"X-Accel-Buffering": "no"})


@router.post(
    "/api/requests/{request_id}/tracked",
    responses=answers(403, 404, 409, example=_STORED),
)
def tracked(request: Request, person: Labeller, request_id: RequestId, body: TrackedBody) -> dict[str, Any]:
    """Store what was corrected in a frame that objects were carried to; the same answer again is acknowledged again.
    It needs no lease: who has or had the frame in hand that the objects came from may send it, also later."""
    cache = _cache(request)
    with refusals(request, person, request_id):
        video = cache.video(cache.question(request_id).request.frame.video_id)
        cache.check(FrameRef(video.video_id, body.frame_idx))
        masks = checked_masks(body.masks, video, cache.kinds().accepted, cache.kinds().names)
        kind, label = _meant(body, FrameRef(video.video_id, body.frame_idx), masks)
        answer = Answer(
            str(body.answer_id), request_id, label, kind, body.seconds, person.name, made_with(body.gestures)
        )
        ledger = _ledger(request)
        stored = ledger.put_tracked(answer)
    # The frame may have been the last that a round waited for.
    round_id = ledger.question(request_id).request.round_id
    if label.complete and not ledger.waiting(round_id).open:
        request.app.state.context.answered(round_id)
    return {"answer_id": answer.answer_id, "request_id": stored}


def _meant(body: TrackedBody, frame: FrameRef, masks: tuple[MaskLabel, ...]) -> tuple[LabelKind, FrameLabel]:
    refuse_blank(masks)
    label = FrameLabel(frame, masks, body.complete, () if body.complete else tuple(sorted(set(body.absent))))
    if not body.complete and not label.tracks:
        raise BadLabel("a corrected frame names objects that are here or are not; it names none")
    if body.complete and not masks:
        return LabelKind.ABSENT, label
    if body.complete and body.kind == "accept":
        return LabelKind.ACCEPT, label
    return LabelKind.TAG if not label.objects else kind_by_tools(body.gestures), label


def _way(cache: LabelCache, ledger: Ledger, video: Video, body: TrackBody, masks: tuple[MaskLabel, ...]) -> Way:
    tracks = frozenset(mask.track_id for mask in masks)
    known = ledger.human_labels(video.video_id)
    shots = cache.shots().get(video.video_id)
    return way(video.n_frames, shots, known, tracks, body.frame_idx, body.direction, body.most)


def _line(**content: Any) -> str:
    return json.dumps(content, separators=(",", ":")) + "\n"


def _ledger(request: Request) -> Ledger:
    return request.app.state.context.ledger


def _cache(request: Request) -> LabelCache:
    return request.app.state.label_cache
