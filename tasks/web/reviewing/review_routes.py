"""The calls of reviewers: the next answer to look at, approving and returning it; and the notes on frames.

A correction is an answer like others, sent with the lease of the review.
"""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from al_core.errors import UnknownName
from al_core.ledger.labelling.people import Annotator, Role
from al_core.ledger.labelling.reviews import Reviewed, ReviewTask
from al_core.ledger.store import Ledger
from tasks.web.auth import Labeller, Reviewer
from tasks.web.error_responses import answers
from tasks.web.label_cache import LabelCache
from tasks.web.label_routes import UNDO_SECONDS, RequestId, refusals, told_mask, told_note, told_task
from tasks.web.reviewing import review_examples as examples
from tasks.web.schemas import NoteBody, ReturnBody, ReviewBody

MOST_THREADS = 50

router = APIRouter()


@router.post("/api/review/next", responses=answers(403, example=examples.REVIEW, nothing="No answer waits."))
def next_review(request: Request, person: Reviewer) -> Any:
    """Hand out the answer that this person reviews, or the next one; its masks are what its author drew."""
    cache = _cache(request)
    found = _ledger(request).claim_review(person.name, cache.lease_seconds(), cache.least_agreed_first())
    return Response(status_code=204) if found is None else _told(request, person, found)


@router.post("/api/reviews/{review_id}/undo", responses=answers(403, 404, 409, example=examples.REVIEW))
def undo_approval(request: Request, person: Reviewer, review_id: UUID) -> dict[str, Any]:
    """Take the last approval back; the answer comes again."""
    with refusals(request, person, str(review_id)):
        seconds = _cache(request).lease_seconds()
        found = _ledger(request).undo_approval(str(review_id), person.name, UNDO_SECONDS, seconds)
    return _told(request, person, found)


def _told(request: Request, person: Annotator, found: ReviewTask) -> dict[str, Any]:
    ledger = _ledger(request)
    shown = [told_mask(mask) | {"provenance": "human", "confidence": None} for mask in found.masks]
    left = sum(due.author != person.name for due in ledger.due_reviews())
    review = {"answer_id": found.answer_id, "author": found.author, "kind": found.kind, "agrees": found.likeness}
    return told_task(request, person, found.task) | {
        "kind": "mask", "blind": False, "masks": shown, "review": review | {"left": left},
    }  # fmt: skip


@router.post("/api/requests/{request_id}/approve", responses=answers(403, 404, 409, example=examples.APPROVED))
def approve(request: Request, person: Reviewer, request_id: RequestId, body: ReviewBody) -> dict[str, Any]:
    """Say that an answer is right; the same approval again is acknowledged again."""
    with refusals(request, person, request_id):
        given = (str(body.review_id), request_id, person.name, body.lease, body.base_revision, body.seconds)
        stored = _stored(request, _ledger(request).approve(*given))
    return stored | {"undo_seconds": UNDO_SECONDS}


@router.post("/api/requests/{request_id}/return", responses=answers(403, 404, 409, example=examples.REVIEWED))
def return_answer(request: Request, person: Reviewer, request_id: RequestId, body: ReturnBody) -> dict[str, Any]:
    """Send an answer back to its author, with a note; it no longer counts."""
    with refusals(request, person, request_id):
        given = (str(body.review_id), request_id, person.name, body.lease, body.base_revision, body.seconds)
        return _stored(request, _ledger(request).return_answer(*given, body.note))


@router.get("/api/notes", responses=answers(403, example=examples.THREADS))
def notes(request: Request, person: Labeller) -> dict[str, Any]:
    """List what was written about frames, the newest first: to reviewers of all frames, to others of those that they
    answered."""
    cache = _cache(request)
    everybody = person.role.covers(Role.REVIEWER)
    threads = [
        {
            "request_id": thread.request_id,
            "video_id": thread.frame.video_id,
            "video": cache.video(thread.frame.video_id).name,
            "frame_idx": thread.frame.frame_idx,
            "notes": [told_note(note) for note in thread.notes],
        }
        for thread in _ledger(request).threads(None if everybody else person.name, MOST_THREADS)
    ]
    return {"threads": threads}


@router.post("/api/requests/{request_id}/notes", responses=answers(403, 404, example={"stored": True}))
def write_note(request: Request, person: Labeller, request_id: RequestId, body: NoteBody) -> dict[str, Any]:
    """Write a note about a frame that this person answered or has in hand; reviewers about any."""
    with refusals(request, person, request_id):
        _check_known(_ledger(request), person, request_id)
        _ledger(request).write_note(request_id, person.name, body.text, str(body.note_id))
    return {"stored": True}


def _check_known(ledger: Ledger, person: Annotator, request_id: str) -> None:
    if person.role.covers(Role.REVIEWER):
        return
    in_hand = ledger.task_of(person.name)
    if in_hand is not None and in_hand.question.request.request_id == request_id:
        return
    answered = {answer.request_id for answer in ledger.standing_answers(annotator=person.name)}
    written = {thread.request_id for thread in ledger.threads(person.name, MOST_THREADS)}
    if request_id not in answered | written:
        raise UnknownName("frame that you answered", request_id, ())


def _stored(request: Request, stored: Reviewed) -> dict[str, Any]:
    if not stored.left:
        request.app.state.context.answered(stored.round_id)
    return {"review_id": stored.review_id, "left": stored.left}


def _ledger(request: Request) -> Ledger:
    return request.app.state.context.ledger


def _cache(request: Request) -> LabelCache:
    return request.app.state.label_cache
