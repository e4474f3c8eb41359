"""A served project with routes that fail in every way, and one that measures what it was sent."""

from contextlib import contextmanager
from types import SimpleNamespace

import httpx
import pytest
from fastapi import APIRouter, Request
from pydantic import BaseModel

from al_core import errors
from al_core.project import Project
from tasks.web import app as application
from tasks.web.error_responses import ApiError
from tests.toys.ledgers import ledger_with_clip
from tests.toys.web.serving import served


class Drawing(BaseModel):
    """What a test sends."""

    seconds: float


def routes(sizes):
    """Routes that fail in every way, and one that notes in `sizes` how large the bodies are that reach it."""
    router = APIRouter()

    @router.get("/test/{name}")
    def fail(name: str):
        if name == "ApiError":
            raise ApiError(409, "stale", "load it again", owner="ann")
        if name == "UnknownName":
            raise errors.UnknownName("video", "clpi", ["clip"])
        raise getattr(errors, name, RuntimeError)(f"{name} happened")

    @router.post("/test/size")
    async def size(request: Request):
        sizes.append(len(await request.body()))
        return sizes[-1]

    @router.post("/test/drawing")
    def drawing(drawing: Drawing):
        return drawing.seconds

    return router


@contextmanager
def served_trial(folder):
    """A served project that also has the routes above: its context, its owner, sizes of bodies so far, a client."""
    project = Project.at(folder)
    ledger_with_clip(project.root)
    sizes = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(application, "ROUTERS", (*application.ROUTERS, routes(sizes)))
        names = frozenset({"labels.example.org"})
        with served(project, names=names) as (context, owner), httpx.Client(base_url=owner.url) as client:
            yield SimpleNamespace(context=context, owner=owner, sizes=sizes, client=client)
