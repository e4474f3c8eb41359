"""The tagging view and its calls: what is in stretches of a video, said without drawing."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from al_core.errors import BadLabel
from al_core.ledger.campaign.category_tags import Tags
from al_core.records import CategoryTag
from tasks.web.auth import Labeller
from tasks.web.error_responses import ApiError, answers
from tasks.web.label_cache import LabelCache
from tasks.web.pages import page_of
from tasks.web.state import Context

router = APIRouter()

LARGEST = 2**31 - 1
MOST_TAGS = 1_000
"""In one call."""

TAGGED_VIDEOS = {"videos": [{"video_id": 1, "name": "dog", "n_frames": 300, "n_tagged": 120}]}
TAGS = {"tags": [{"first_frame": 0, "last_frame": 119, "category_id": 1, "present": True}]}
"""What the calls answer, as the description of the API shows."""

VideoId = Annotated[int, Path(ge=0, le=LARGEST)]
Number = Annotated[int, Field(ge=0, le=LARGEST)]


class TagBody(BaseModel):
    """What is said of a category in a stretch of frames: every one shows it (true), or none does (false); null takes
    back what was said before."""

    first_frame: Number
    last_frame: Number
    category_id: Number
    present: bool | None


class TagsBody(BaseModel):
    """What a person says at once, and the seconds that it took."""

    tags: Annotated[list[TagBody], Field(max_length=MOST_TAGS)] = []
    seconds: Annotated[float, Field(ge=0, le=86_400)] = 0.0


@router.get("/tags", response_class=HTMLResponse)
async def tagging_page(request: Request) -> HTMLResponse:
    """Show the tagging view."""
    return page_of("tags.html", request)


@router.get("/api/tags", responses=answers(403, example=TAGGED_VIDEOS))
def tagged_videos(context: Context, person: Labeller) -> dict[str, Any]:
    """List the videos that may be tagged, and of how many frames of each something was said."""
    ledger = context.ledger
    left_out, tags = ledger.excluded_videos(), ledger.category_tags()
    return {
        "videos": [
            {
                "video_id": video.video_id,
                "name": video.name,
                "n_frames": video.n_frames,
                "n_tagged": len({frame for tag in tags.get(video.video_id, ()) for frame in tag.frames}),
            }
            for video in ledger.videos()
            if video.video_id not in left_out
        ]
    }


@router.get("/api/tags/{video_id}", responses=answers(403, 404, example=TAGS))
def tags_of(request: Request, context: Context, person: Labeller, video_id: VideoId) -> dict[str, Any]:
    """Return what is said of the frames of a video."""
    _check(request, video_id)
    return _told(context.ledger.category_tags(), video_id)


@router.post("/api/tags/{video_id}", responses=answers(403, 404, 422, example=TAGS))
def tag(request: Request, context: Context, person: Labeller, video_id: VideoId, body: TagsBody) -> dict[str, Any]:
    """Say what is in stretches of a video, all or nothing; returns what is said of its frames now."""
    _check(request, video_id)
    said = [CategoryTag(video_id, t.first_frame, t.last_frame, t.category_id, t.present) for t in body.tags]
    try:
        context.ledger.put_category_tags(said, person.name, body.seconds)
    except BadLabel as error:
        raise ApiError(422, str(error), "Nothing was stored; say it of other frames.") from None
    return _told(context.ledger.category_tags(), video_id)


def _check(request: Request, video_id: int) -> None:
    cache: LabelCache = request.app.state.label_cache
    cache.video(video_id)


def _told(tags: Tags, video_id: int) -> dict[str, Any]:
    shown = ("first_frame", "last_frame", "category_id", "present")
    return {"tags": [{name: getattr(one, name) for name in shown} for one in tags.get(video_id, ())]}
