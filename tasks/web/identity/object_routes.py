"""The calls about the objects of a video: which there are, what they look like, and the number of a new one."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from al_core.errors import UnknownName
from al_core.ledger.labelling.queue import Question
from al_core.masks.rle import box
from al_core.records import FrameRef
from tasks.web.api import answer_examples as examples
from tasks.web.auth import Labeller
from tasks.web.error_responses import answers
from tasks.web.identity.given_numbers import GivenNumbers
from tasks.web.identity.video_objects import VideoObject
from tasks.web.label_cache import LabelCache
from tasks.web.pictures import encoded, picture_of
from tasks.web.schemas import LARGEST_TRACK

router = APIRouter()

MOST_NUMBERS = 10_000
_KEPT = {"Cache-Control": "private, max-age=300"}

VideoId = Annotated[int, Path(ge=0, le=2**31 - 1)]
TrackId = Annotated[int, Path(ge=1, le=LARGEST_TRACK)]


class TakenBody(BaseModel):
    """The numbers in the frame that somebody has in hand."""

    taken: Annotated[list[Annotated[int, Field(ge=0, le=LARGEST_TRACK)]], Field(max_length=MOST_NUMBERS)] = []


@router.get("/api/objects/{video_id}", responses=answers(403, 404, example=examples.OBJECTS))
def objects(request: Request, person: Labeller, video_id: VideoId) -> dict[str, Any]:
    """List the objects of a video, and the frames of it that people labelled."""
    cache = _cache(request)
    in_hand = _in_hand(request, person.name)
    return {
        "objects": [_told(found) for found in cache.objects(in_hand, video_id)],
        "labelled": cache.labelled_frames(in_hand, video_id),
    }


@router.get("/api/objects/{video_id}/{track_id}.jpg", response_class=Response, responses=answers(403, 404))
def picture(request: Request, person: Labeller, video_id: VideoId, track_id: TrackId) -> Response:
    """Return a small picture of an object."""
    cache = _cache(request)
    found = {known.track_id: known for known in cache.objects(_in_hand(request, person.name), video_id)}
    if track_id not in found:
        raise UnknownName("object", str(track_id), map(str, found))
    seen = found[track_id]
    small = picture_of(cache.image(FrameRef(video_id, seen.example_frame)), box(seen.example))
    return Response(encoded(small, "jpg"), media_type="image/jpeg", headers=_KEPT)


@router.post("/api/objects/{video_id}/number", responses=answers(403, 404, example={"track_id": 9}))
def number(request: Request, person: Labeller, video_id: VideoId, body: TakenBody) -> dict[str, int]:
    """Give the number of a new object; it is in nobody else's hands."""
    known = _cache(request).numbers(video_id)
    numbers: GivenNumbers = request.app.state.given_numbers
    return {"track_id": numbers.next(video_id, person.name, known, body.taken)}


def _told(found: VideoObject) -> dict[str, Any]:
    told = asdict(found)
    del told["example"]
    return told


def _cache(request: Request) -> LabelCache:
    return request.app.state.label_cache


def _in_hand(request: Request, person: str) -> Question | None:
    task = request.app.state.context.ledger.task_of(person)
    return task.question if task else None
