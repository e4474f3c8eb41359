"""The calls of the labelling page: the next frame, its picture and masks, drafts, answers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import numpy as np
from fastapi import APIRouter, BackgroundTasks, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from numpy.typing import NDArray

from al_core.errors import FewframesError
from al_core.ledger.campaign.audit_requests import AuditQuestion
from al_core.ledger.campaign.curation import VideoCare
from al_core.ledger.labelling.notes import Note
from al_core.ledger.labelling.people import Annotator, Role
from al_core.ledger.labelling.queue import Task
from al_core.ledger.store import Ledger
from al_core.masks.rle import decode, encode
from al_core.records import ONE_SHOT, Answer, DeliveredMask, FrameRef, MaskLabel
from tasks.backends.prelabels import labels_of
from tasks.project.annotator_stats import person_rows
from tasks.reviews.pairs import compare
from tasks.web.api import answer_examples as examples
from tasks.web.api.category_routes import offered
from tasks.web.auditing.judgements import judgement
from tasks.web.auth import Labeller, Lead, Person, Viewer
from tasks.web.error_responses import answers
from tasks.web.identity.devices import ON_THIS_DEVICE
from tasks.web.label_cache import LabelCache
from tasks.web.pictures import disagreement, encoded, heat_map
from tasks.web.schemas import AsideBody, DraftBody, LeaseBody, RefineBody, SubmitBody, checked_masks, understood
from tasks.web.tracking.live_tracks import TRACKING

if TYPE_CHECKING:
    from al_core.interactive.refiner import Refiner

UNDO_SECONDS = 60
"""For this long an answer can be taken back."""

PREVIEW = "preview"
"""Names a gesture that nobody made yet among those at work."""

MOST_LOOKS = 12
"""Masks that are shown at once where only a yes or no is asked for."""

LAST_FRAMES = 24
"""So many frames that a person answered last are listed."""

_NOT_ASKED = "This round was abandoned, or the video excluded. Finish the frame: what you draw is kept as a label."

_PICTURES_KEPT = {"Cache-Control": "private, max-age=86400"}

router = APIRouter()


class Picture(Response):
    """A JPEG or PNG file."""

    media_type = "image/*"


RequestId = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Number = Annotated[int, Path(ge=0, le=2**31 - 1)]


@router.get("/api/me", responses=answers(example=examples.ME))
def me(request: Request, person: Person) -> dict[str, Any]:
    """Tell who is signed in, and how far the queue is."""
    counts = _ledger(request).queue_counts(person.name)
    flagged = {"flagged": _ledger(request).flagged()} if person.role == "lead" else {}
    if person.role.covers(Role.REVIEWER):
        flagged["reviews"] = sum(due.author != person.name for due in _ledger(request).due_reviews())
    return {"name": person.name, "role": person.role, "done": counts.mine, "open": counts.open, **flagged}


@router.post(
    "/api/next",
    dependencies=ON_THIS_DEVICE,
    responses=answers(409, example=examples.TASK, nothing="No frame waits."),
)
def next_task(request: Request, person: Labeller) -> Any:
    """Hand out the frame that this person has in hand, or the next one."""
    task = _claimed(request, person)
    return Response(status_code=204) if task is None else _as_it_is(told_task(request, person, task))


@router.post("/api/looks", responses=answers(example={"tasks": [examples.TASK]}))
def looks(request: Request, person: Labeller) -> dict[str, Any]:
    """Hand out more frames that are asked for a yes or no, to be looked at together with the one in hand; a person who
    has no such frame in hand gets none."""
    cache, ledger = _cache(request), _ledger(request)
    held = ledger.task_of(person.name)
    in_hand = held.question.request.request_id if held else ""
    tasks, left = [], MOST_LOOKS
    for task in ledger.claim_looks(person.name, cache.lease_seconds(), MOST_LOOKS):
        question = task.question
        shown = 0 if cache.is_blind(question) else len(cache.shown(question))
        if 0 < shown <= left:
            tasks.append(told_task(request, person, task))
            left -= shown
        elif question.request.request_id != in_hand:
            ledger.release(question.request.request_id, person.name, task.lease)
    return {"tasks": tasks}


@router.get("/api/upcoming", responses=answers(403, example=examples.UPCOMING, nothing="No other frame waits."))
def upcoming(request: Request, person: Labeller) -> Any:
    """Tell which frame this person would get after the one in hand, so that it can be fetched ahead; it may be another
    in the end."""
    settings = _cache(request).newest_settings().annotator
    frame = _ledger(request).upcoming(person.name, settings.lease_seconds, settings.same_video)
    if frame is None:
        return Response(status_code=204)
    return {"video_id": frame.video_id, "frame_idx": frame.frame_idx}


@router.get("/api/answered", responses=answers(403, example=examples.ANSWERED))
def answered(request: Request, person: Labeller) -> dict[str, Any]:
    """List the frames that this person answered last, the newest first."""
    cache = _cache(request)
    frames = [
        {
            "request_id": it.request_id,
            "video_id": it.frame.video_id,
            "video": cache.video(it.frame.video_id).name,
            "frame_idx": it.frame.frame_idx,
            "kind": it.kind,
            "n_masks": it.n_masks,
            "answered_at": f"{it.answered_at.isoformat()}Z",
        }
        for it in _ledger(request).last_answers(person.name, LAST_FRAMES)
    ]
    return {"frames": frames}


# ---- what there is to see


@router.get("/api/frames/{video_id}/{frame_idx}.{kind}", response_class=Picture, responses=answers(403, 404))
def frame(
    request: Request,
    person: Labeller,
    video_id: Number,
    frame_idx: Number,
    kind: Annotated[str, Path(pattern="^(jpg|png)$")],
    long_side: Annotated[int | None, Query(ge=16, le=16384)] = None,
) -> Response:
    """Return a frame, exact or made smaller."""
    cache, ref = _cache(request), FrameRef(video_id, frame_idx)
    media = "image/jpeg" if kind == "jpg" else "image/png"
    return Response(cache.picture(ref, kind, long_side), media_type=media, headers=_PICTURES_KEPT)


@router.get("/api/masks/{video_id}/{frame_idx}", responses=answers(403, 404, example={"masks": []}))
def masks(request: Request, person: Labeller, video_id: Number, frame_idx: Number) -> dict[str, Any]:
    """Return what is labelled or delivered in a frame."""
    cache, ref = _cache(request), FrameRef(video_id, frame_idx)
    cache.check(ref)
    in_hand = _ledger(request).task_of(person.name)
    return {"masks": _shown(cache.around(in_hand.question if in_hand else None, ref))}


@router.get(
    "/api/disagreement/{video_id}/{frame_idx}.png",
    response_class=Picture,
    responses=answers(403, 404, nothing="Where the teachers disagree is not known."),
)
def disagreement_map(request: Request, person: Labeller, video_id: Number, frame_idx: Number) -> Response:
    """Return a picture to lay over a frame: where the teachers disagree; nothing (204) where that is not known."""
    cache, ref = _cache(request), FrameRef(video_id, frame_idx)
    cache.check(ref)
    in_hand = _ledger(request).task_of(person.name)
    path = None if in_hand and cache.is_measured(in_hand.question) else cache.predictions_of(video_id)
    values = None if path is None else disagreement(path, frame_idx)
    if values is None:
        return Response(status_code=204)
    video = cache.video(video_id)
    return Response(encoded(heat_map(values, (video.height, video.width)), "png"), media_type="image/png")


# ---- the frame in hand


@router.post(
    "/api/requests/{request_id}/renew",
    dependencies=ON_THIS_DEVICE,
    responses=answers(404, 409, example=examples.RENEWED),
)
def renew(request: Request, person: Labeller, request_id: RequestId, body: LeaseBody) -> dict[str, Any]:
    """Keep the frame."""
    seconds = _cache(request).lease_seconds()
    with refusals(request, person, request_id):
        asked = _ledger(request).renew(request_id, person.name, body.lease, seconds)
    note = "" if asked else _NOT_ASKED
    return {"expires_in_seconds": seconds, "note": note}


@router.put(
    "/api/requests/{request_id}/draft",
    dependencies=ON_THIS_DEVICE,
    responses=answers(404, 409, example={"saved": True}),
)
def save_draft(request: Request, person: Labeller, request_id: RequestId, body: DraftBody) -> dict[str, Any]:
    """Keep an unfinished drawing on the server."""
    with refusals(request, person, request_id):
        # A drawing is kept whatever became of its categories.
        found = _checked(request, request_id, body.masks, _cache(request).kinds().names)[1]
        _ledger(request).save_draft(request_id, person.name, body.lease, found, body.seconds)
    return {"saved": True}


@router.post("/api/requests/{request_id}/submit", responses=answers(404, 409, example=examples.STORED))
def submit(request: Request, person: Labeller, request_id: RequestId, body: SubmitBody, later: BackgroundTasks) -> Any:
    """Store an answer; the same one again is acknowledged again. Who goes on (``go_on``) gets the next frame with it
    (``next``): null where none waits, and nothing of it where it could not be had now."""
    cache, ledger = _cache(request), _ledger(request)
    with refusals(request, person, request_id):
        question, found = _checked(request, request_id, body.masks, cache.kinds().accepted)
        asked, made = cache.audited(question), body.made()
        if asked is None or cache.is_blind(question):
            kind, label = understood(body, question.request, found, labels_of(cache.shown(question)))
        else:
            kind, label, made = judgement(body, asked)
        answer = Answer(str(body.answer_id), request_id, label, kind, body.seconds, person.name, made)
        stored = ledger.submit(answer, body.lease, body.base_revision, body.note)
    if asked is None:
        # Only reviewers go by how much an answer agrees with what was shown.
        reviewed = cache.newest_settings().annotator.review != "none"
        later.add_task(compare, ledger, question, answer, labels_of(cache.shown(question)) if reviewed else ())
    if not stored.left:
        request.app.state.context.answered(stored.round_id)
    told = {"answer_id": stored.answer_id, "revision": stored.revision, "undo_seconds": UNDO_SECONDS}
    return _as_it_is(told | (_next(request, person) if body.go_on else {}))


@router.post("/api/answers/{answer_id}/undo", responses=answers(404, 409, example=examples.TASK))
def undo(request: Request, person: Labeller, answer_id: UUID) -> dict[str, Any]:
    """Take the last answer back; the frame comes again."""
    with refusals(request, person, str(answer_id)):
        seconds = _cache(request).lease_seconds()
        task = _ledger(request).undo(str(answer_id), person.name, UNDO_SECONDS, seconds)
    return told_task(request, person, task)


@router.post("/api/requests/{request_id}/reopen", responses=answers(404, 409, example=examples.TASK))
def reopen(request: Request, person: Labeller, request_id: RequestId) -> dict[str, Any]:
    """Take an answered frame in hand again, to change the answer; it stands until then."""
    with refusals(request, person, request_id):
        task = _ledger(request).reopen(request_id, person.name, _cache(request).lease_seconds())
    return told_task(request, person, task)


@router.post("/api/requests/{request_id}/release", status_code=204, responses=answers(404, 409))
def release(request: Request, person: Labeller, request_id: RequestId, body: LeaseBody) -> None:
    """Give the frame back."""
    with refusals(request, person, request_id):
        _ledger(request).release(request_id, person.name, body.lease)


@router.post("/api/requests/{request_id}/skip", status_code=204, responses=answers(404, 409))
def skip(request: Request, person: Labeller, request_id: RequestId, body: AsideBody) -> None:
    """Leave the frame to others."""
    with refusals(request, person, request_id):
        _ledger(request).skip(request_id, person.name, body.lease, body.reason)


@router.post("/api/requests/{request_id}/flag", status_code=204, responses=answers(404, 409))
def flag(request: Request, person: Labeller, request_id: RequestId, body: AsideBody) -> None:
    """Leave the frame to the lead."""
    with refusals(request, person, request_id):
        _ledger(request).flag(request_id, person.name, body.lease, body.reason)


@router.post("/api/requests/{request_id}/drop", status_code=204, responses=answers(404, 409))
def drop(request: Request, person: Lead, request_id: RequestId, body: AsideBody) -> None:
    """Ask nobody any more; the round goes on without the frame."""
    with refusals(request, person, request_id):
        dropped = _ledger(request).drop(request_id, person.name, body.lease, body.reason)
    if not dropped.left:
        request.app.state.context.answered(dropped.round_id)


@router.post(
    "/api/requests/{request_id}/refine",
    responses=answers(404, 409, example={"rle": examples.RLE}, nothing="A newer gesture for the same object came."),
)
def refine(request: Request, person: Labeller, request_id: RequestId, body: RefineBody) -> Any:
    """Make a mask better by clicks, strokes or a box, or fit the outline of one that was drawn; nothing is stored. A
    newer gesture for the same object ends an older one, which then has no answer (204). So does any gesture with a
    preview, which has no answer either while anything else is at work."""
    # The server starts without scipy.
    from al_core.interactive.coarse import CoarseRefiner
    from tasks.web.refining.page_gestures import Superseded

    cache, ledger = _cache(request), _ledger(request)
    with refusals(request, person, request_id):
        frame = cache.question(request_id).request.frame
        if body.frame_idx is not None:
            frame = FrameRef(frame.video_id, body.frame_idx)
            cache.check(frame)
        video = cache.video(frame.video_id)
        start = body.rle.checked(video) if body.rle is not None else None
        subject: tuple[str, int | str] = (request_id, body.track_id)
        if body.preview:
            held = ledger.task_of(person.name)
            if held is None or held.lease != body.lease or cache.gestures.n_at_work:
                return Response(status_code=204)
            subject = (request_id, PREVIEW)
        else:
            cache.renew(request_id, person.name, body.lease)
            for other in (TRACKING, PREVIEW):
                cache.gestures.supersede((request_id, other))
        known = np.zeros((video.height, video.width), np.float32) if start is None else decode(start).astype(np.float32)
        try:
            with cache.gestures.at_work(subject, body.made_at) as going_on:
                refiner = CoarseRefiner() if body.coarse else _refiner(cache, frame)
                image = cache.image(frame)
                drawn = None if body.outline is None else decode(body.outline.checked(video))
                found = _refined(refiner, image, known, drawn, body, going_on)
        except Superseded:
            return Response(status_code=204)
    return {"rle": encode(found).to_coco()}


# ---- how people work


@router.get("/api/people", responses=answers(403))
def people(request: Request, person: Viewer) -> list[dict[str, Any]]:
    """List everybody: frames, seconds, and how well their labels hold."""
    return [asdict(row) for row in person_rows(request.app.state.context.project, _ledger(request))]


@router.get("/api/log", responses=answers(403))
def log(
    request: Request, person: Lead, limit: Annotated[int, Query(ge=1, le=10_000)] = 100, who: str | None = None
) -> list[dict[str, Any]]:
    """List who did what, newest first."""
    return [asdict(entry) for entry in _ledger(request).audit_log(limit, who)]


# ---- what the calls share


def _ledger(request: Request) -> Ledger:
    return request.app.state.context.ledger


def _cache(request: Request) -> LabelCache:
    return request.app.state.label_cache


def _as_it_is(told: dict[str, Any]) -> JSONResponse:
    """Return what is told as an answer, which FastAPI would otherwise look through in another thread, for which people
    wait where processors are short."""
    return JSONResponse(told)


@contextmanager
def refusals(request: Request, person: Annotator, subject: str) -> Iterator[None]:
    """Note what was refused to whom."""
    try:
        yield
    except FewframesError as error:
        _ledger(request).log_action(person.name, "refused", subject, str(error))
        raise


def _refiner(cache: LabelCache, frame: FrameRef) -> "Refiner":
    return cache.gestures.named() or cache.embedded.refiner(frame) or cache.gestures.refiner()


def _refined(
    refiner: "Refiner",
    image: NDArray[np.uint8],
    known: NDArray[np.float32],
    drawn: NDArray[np.bool_] | None,
    body: RefineBody,
    going_on: Callable[[], None],
) -> NDArray[np.bool_]:
    from al_core.interactive import Click, refine_with_outline, starting_from
    from al_core.interactive.clicks import check_clicks
    from al_core.interactive.scribbles import stroke_through
    from al_core.masks.soft import Window

    # The picture may have taken a while.
    going_on()
    if drawn is not None:
        return refine_with_outline(image, known, drawn)
    if body.box is not None:
        return refiner.with_box(image, known, Window(*(round(side) for side in body.box)), going_on)
    if body.strokes:
        size = (known.shape[0], known.shape[1])
        strokes = [stroke_through(stroke.points, stroke.positive, size) for stroke in body.strokes]
        return refiner.with_scribble(image, known, strokes, going_on)
    clicks = [Click(int(c.x), int(c.y), c.positive) for c in body.clicks]
    check_clicks(clicks, (known.shape[0], known.shape[1]))
    if not body.own:
        known = starting_from(known, clicks)
    return refiner.with_clicks(image, known, clicks, going_on)


def _checked(
    request: Request, request_id: str, masks: list[Any], categories: Mapping[int, str]
) -> tuple[Any, tuple[MaskLabel, ...]]:
    """Return the question that a request is, and the masks that were drawn for it."""
    cache = _cache(request)
    question = cache.question(request_id)
    video = cache.video(question.request.frame.video_id)
    return question, checked_masks(masks, video, categories, cache.kinds().names)


def told_note(note: Note) -> dict[str, str]:
    """Return what somebody wrote, as it is told."""
    return {"who": note.who, "text": note.text, "written_at": f"{note.written_at.isoformat()}Z"}


def told_task(request: Request, person: Annotator, task: Task) -> dict[str, Any]:
    """Return a task, as it is told to who has it in hand."""
    cache, ledger = _cache(request), _ledger(request)
    asked, question = task.question.request, task.question
    video = cache.video(asked.frame.video_id)
    cares = cache.cares().get(video.video_id, VideoCare(video.video_id))
    cache.remember(question)
    counts = ledger.queue_counts(person.name)
    aside = ledger.set_aside(asked.request_id) if person.role is Role.LEAD else []
    return {
        "request_id": asked.request_id,
        "round_id": asked.round_id,
        "lease": {"token": task.lease, "expires_in_seconds": round(task.seconds_left, 1)},
        "rank": asked.rank,
        "kind": asked.kind,
        "reason": asked.reason,
        "control": task.control,
        "blind": cache.is_blind(question),
        "audit": _audited(cache.audited(question)),
        "frame": {
            "video_id": video.video_id,
            "video": video.name,
            "frame_idx": asked.frame.frame_idx,
            "time_seconds": cache.time_seconds(asked.frame),
            "n_frames": video.n_frames,
            "fps": float(video.fps),
            "width": video.width,
            "height": video.height,
            "cuts": cache.shots().get(video.video_id, ONE_SHOT).cuts,
        },
        "categories": offered(cache.kinds()),
        "own_categories": cares.category_ids,
        "attributes": cache.attributes(),
        "masks": _shown(cache.shown(question)),
        "uncertainty": cache.uncertainty(question),
        "set_aside": [dict(zip(("who", "how", "reason"), entry, strict=True)) for entry in aside],
        "base_revision": task.base_revision,
        "reopened": task.reopened,
        "returned": task.returned,
        "notes": [told_note(note) for note in ledger.notes_on(asked.request_id)],
        "draft": None if task.draft is None else {
            "masks": [told_mask(mask) for mask in task.draft.masks],
            "seconds": task.draft.seconds,
            "saved_at": f"{task.draft.saved_at.isoformat()}Z",
        },
        "queue": {"open": counts.open, "done": counts.done, "mine": counts.mine},
    }  # fmt: skip


def _claimed(request: Request, person: Annotator) -> Task | None:
    settings = _cache(request).newest_settings().annotator
    return _ledger(request).claim(person.name, settings.lease_seconds, settings.same_video)


def _next(request: Request, person: Annotator) -> dict[str, Any]:
    """Hand out the next frame, as far as that is to be had: what came before is stored in any case."""
    try:
        task = _claimed(request, person)
        return {"next": None if task is None else told_task(request, person, task)}
    except FewframesError:
        return {}


def _audited(asked: AuditQuestion | None) -> dict[str, Any] | None:
    return None if asked is None else {"grade": asked.grade, "track_id": asked.track_id, "iou": asked.iou}


def _shown(masks: Sequence[DeliveredMask]) -> list[dict[str, Any]]:
    # Nobody knows how sure an imported mask is, which is stored as 0.
    return [told_mask(m) | {"provenance": m.provenance, "confidence": m.confidence or None} for m in masks]


def told_mask(mask: MaskLabel | DeliveredMask) -> dict[str, Any]:
    """Return a mask, as it is told."""
    said = {"attributes": list(mask.attributes)} if mask.attributes else {}
    return {"track_id": mask.track_id, "category_id": mask.category_id, "rle": mask.rle.to_coco(), **said}
