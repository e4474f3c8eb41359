"""The calls about categories: what each is and looks like, the guide, and a category that a lead adds."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from markdown_it import MarkdownIt

from tasks.web.api import answer_examples as examples
from tasks.web.auth import Labeller, Lead
from tasks.web.error_responses import ApiError, answers
from tasks.web.label_cache import Kinds, LabelCache
from tasks.web.schemas import CategoryBody

router = APIRouter()

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
"""HTML of a lead's own stays text; pictures would be fetched from elsewhere, which the page allows nobody."""


class Picture(Response):
    """A JPEG or PNG file."""

    media_type = "image/*"


@router.get("/api/categories", responses=answers(403, example=examples.CATEGORIES))
def categories(request: Request, person: Labeller) -> dict[str, Any]:
    """Return the categories, and the instruction for who labels, in Markdown and as HTML."""
    return _told(request)


@router.post("/api/categories", responses=answers(403, 422, example=examples.CATEGORIES))
def add_category(request: Request, person: Lead, body: CategoryBody) -> dict[str, Any]:
    """Add a category, or change what is said of one; it can be chosen at once."""
    said = {name: value or None for name, value in body.model_dump(exclude={"name"}).items()}
    request.app.state.context.ledger.set_category(body.name.strip(), person.name, **said)
    _cache(request).forget_categories()
    return _told(request)


@router.get("/api/categories/{category_id}/example", response_class=Picture, responses=answers(403, 404))
def example(request: Request, person: Labeller, category_id: Annotated[int, Path(ge=1, le=2**31 - 1)]) -> Response:
    """Return the example picture of a category."""
    found = request.app.state.context.ledger.category_example(category_id)
    if found is None:
        raise ApiError(404, f"category {category_id} has no example picture", "Ask the lead for one.")
    media = "image/png" if found.startswith(b"\x89PNG") else "image/jpeg"
    return Response(found, media_type=media, headers={"Cache-Control": "private, max-age=60"})


def offered(kinds: Kinds) -> list[dict[str, Any]]:
    """Return the categories that may be chosen, as the page gets them."""
    keys = kinds.keys()
    return [
        {
            "category_id": category.category_id,
            "name": category.name,
            "colour": category.colour,
            "description": category.description,
            "key": keys[category.category_id],
            "example": category.has_example,
        }
        for category in kinds.offered
    ]


def _told(request: Request) -> dict[str, Any]:
    guide = request.app.state.context.ledger.guide()
    shown = {"guide": guide, "guide_html": _MARKDOWN.render(guide)}
    return {"categories": offered(_cache(request).kinds())} | shown


def _cache(request: Request) -> LabelCache:
    return request.app.state.label_cache
