"""The dashboard: what the ML lead, reviewers and viewers see. Annotators find their own figures at "My work"."""

import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from al_core.campaign.waiting import deadline
from al_core.ledger.asked_once import AskedOnce
from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.records import Video
from al_core.stores.frames import FrameStore
from tasks.languages.browser import language_of
from tasks.languages.phrases import speaking, spoken, t
from tasks.network.forwarded import PREFIX
from tasks.project.annotator_stats import person_rows
from tasks.project.ingest import open_last_frames
from tasks.project.label_versions import compare_rounds
from tasks.project.outlook import hours_by_person, sentences_ahead
from tasks.report.content import (
    forecast_of,
    gather_rounds,
    gather_video,
    highest_uncertainty,
    last_predicted_round,
    target_of,
    training_curves,
    with_outlook,
)
from tasks.report.pages import dashboard_pages
from tasks.report.pages.dashboard_pages import Frame, Work
from tasks.report.pages.depth_pictures import knows_depth
from tasks.report.pages.document import asset
from tasks.report.pages.viewer import frame_view, gather_frame
from tasks.report.round_rows import quality_by_video
from tasks.reviews.approvals import approvals_of
from tasks.scheduling.notify import undelivered
from tasks.web.auth import Labeller, Person, at_least
from tasks.web.error_responses import ApiError, way_up
from tasks.web.state import Context, WebContext


async def in_own_language(request: Request) -> AsyncIterator[None]:
    """Speak the language of the browser while a page is made."""
    with speaking(language_of(request)):
        yield


SPEAKS = Depends(in_own_language)
router = APIRouter(prefix="/dashboard", dependencies=[Depends(at_least(Role.VIEWER)), SPEAKS])
own = APIRouter()
"""What everybody may see."""

# Plotly gives its elements styles of their own; scripts still come from this server only.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_ASSETS = ("page.css", "page.js", "viewer.js", "live.js")
LINKS = tuple((name, f"dashboard/{name.lower()}") for name in ("Overview", "Quality", "Videos", "People", "Runs"))


OWN_LINKS = (("Label", "label"), ("My work", "mine"))
_ALL_PROJECTS = ("All projects", "../../")
_ONE_OF_SEVERAL = re.compile(r"(/.+)?/p/[^/]+")


def frame_of(request: Request, context: Context, person: Person) -> Frame:
    """Return what surrounds the pages of this person: links to what the role may see."""
    links = (*(OWN_LINKS if person.role.covers(Role.ANNOTATOR) else ()), *LINKS)
    links = links if person.role.covers(Role.VIEWER) else OWN_LINKS
    if person.role.covers(Role.REVIEWER) and context.ledger.due_reviews():
        links = (("Review", "review"), *links)
    if _ONE_OF_SEVERAL.fullmatch(request.scope.get(PREFIX, "")):
        links = (_ALL_PROJECTS, *links)
    return Frame(
        context.project.root.name, f"{way_up(request)}dashboard/static/{_static_version()}", _from(request, links)
    )


Around = Annotated[Frame, Depends(frame_of)]


def _from(request: Request, links: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, way_up(request) + address) for name, address in links)


@router.get("")
def start() -> RedirectResponse:
    """Redirect to the first page."""
    return RedirectResponse(LINKS[0][1])


@router.get("/overview", response_class=HTMLResponse)
def overview(context: Context, around: Around) -> HTMLResponse:
    """Show how far the videos are labelled."""
    ledger = AskedOnce(context.ledger)
    with ledger.held():
        content = with_outlook(gather_rounds(context.project, ledger), ledger)
        queue, overdue, hours = ledger.queue_state(), _overdue(ledger), hours_by_person(ledger)
        approvals = approvals_of(ledger)
        ahead = sentences_ahead(context.project, ledger, t("at this address"), content.estimates)
    now = datetime.now(UTC).replace(tzinfo=None)
    age = None if queue.oldest is None else (now - queue.oldest).total_seconds()
    missed = undelivered(context.project)
    work = Work(queue, age, overdue, ahead, hours, "" if missed is None else str(missed), approvals)
    return html_page(dashboard_pages.overview(content, work, around))


@router.get("/quality", response_class=HTMLResponse)
def quality(context: Context, around: Around) -> HTMLResponse:
    """Show how good the labels are."""
    # It knows the propagators, which take long to load.
    from tasks.steps.calibrate import delivered_samples

    content = gather_rounds(context.project, context.ledger)
    samples = delivered_samples(context.project, context.ledger)
    forecast, target = forecast_of(content.rounds, content.quality), target_of(context.ledger, content.estimates)
    content = replace(content, forecast=forecast, target=target)
    return html_page(dashboard_pages.quality(content, samples, around))


@router.get("/videos", response_class=HTMLResponse)
def videos(context: Context, around: Around) -> HTMLResponse:
    """List all videos, the least certain first."""
    with context.ledger.held():
        quality = quality_by_video(context.ledger.quality(), "jf")
        peaks = highest_uncertainty(context.ledger, last_predicted_round(context.ledger))
        found = context.ledger.videos()
    return html_page(dashboard_pages.videos(found, quality, peaks, around))


@router.get("/videos/{video_id}", response_class=HTMLResponse)
def video(
    context: Context, around: Around, video_id: int, before: int | None = None, after: int | None = None
) -> HTMLResponse:
    """Show one video, and what changed in it between two rounds, by default from the last but one to the newest."""
    this = context.ledger.video_numbered(video_id)
    content = gather_video(context.project, context.ledger, _frames(context, this), this)
    after = content.delivered_round if after is None else after
    if before is None and after is not None:
        before = context.ledger.last_delivered_round(before=after)
    compared, rounds = None, None
    if before is not None and after is not None:
        rounds = (before, after)
        compared = compare_rounds(context.project, context.ledger, *rounds, this.name)[this.name]
    known = knows_depth(context.project)
    return html_page(dashboard_pages.video(content, this, compared, rounds, around, known))


@router.get("/videos/{video_id}/frames/{frame_idx}", response_class=HTMLResponse)
def frame(
    context: Context,
    video_id: int,
    frame_idx: int,
    rounds: Annotated[str, Query(pattern=r"^\d{1,6}(,\d{1,6})?$")],
    depth: bool = False,
) -> HTMLResponse:
    """Show one frame as one or two rounds delivered it, and how near what it shows is; a part of a page."""
    this = context.ledger.video_numbered(video_id)
    if not 0 <= frame_idx < this.n_frames:
        raise ApiError(404, f"{this.name} has the frames 0 to {this.n_frames - 1:,}", "Choose one of these.")
    numbers = [int(number) for number in rounds.split(",")]
    view = gather_frame(context.project, context.ledger, _frames(context, this), this, frame_idx, numbers, depth)
    return html_page(frame_view(view, context.ledger.category_names()))


@router.get("/people", response_class=HTMLResponse)
def people(context: Context, around: Around) -> HTMLResponse:
    """Show who labels, and how well."""
    return html_page(dashboard_pages.people(person_rows(context.project, context.ledger), around))


@router.get("/runs", response_class=HTMLResponse)
def runs(context: Context, around: Around) -> HTMLResponse:
    """Show every step of every round."""
    with context.ledger.held():
        rounds, steps = context.ledger.rounds(), context.ledger.steps()
        curves = training_curves(context.ledger)
    return html_page(dashboard_pages.runs(rounds, steps, curves, flow_runs_address(), around))


def flow_runs_address() -> str:
    """Return where Prefect shows flow runs, by the environment; empty where no server is named."""
    api = os.environ.get("PREFECT_API_URL", "").rstrip("/")
    return f"{api.removesuffix('/api')}/runs/flow-run/" if api else ""


@own.get("/dashboard/version")
def version(context: Context, person: Person) -> dict[str, str]:
    """Return a version that changes whenever something that the pages show has changed."""
    ledger = context.ledger
    steps = [(s.round_id, s.name, s.status, s.attempts) for s in ledger.steps()]
    effort = ledger.human_effort()
    return {"version": hashlib.sha256(repr((steps, effort, ledger.queue_state())).encode()).hexdigest()[:16]}


@own.get("/mine", response_class=HTMLResponse, dependencies=[SPEAKS])
def mine(context: Context, person: Labeller, around: Around) -> HTMLResponse:
    """Show a person's own work."""
    row = next(row for row in person_rows(context.project, context.ledger) if row.name == person.name)
    return html_page(dashboard_pages.mine(row, around))


@own.get("/dashboard/static/{version}/{name}")
def static_file(version: str, name: str) -> Response:
    """Return a style sheet or script; the version in the address lets browsers keep it for good."""
    if name not in (*_ASSETS, "plotly.js"):
        raise ApiError(404, f"there is no file {name!r}", "Load the page again.")
    kind = "text/css" if name.endswith(".css") else "text/javascript"
    lasting = "public, max-age=31536000, immutable" if version == _static_version() else "no-cache"
    return Response(asset(name), media_type=kind, headers={"Cache-Control": lasting})


def _overdue(ledger: Ledger) -> int | None:
    """Count the open requests of the newest round, where its deadline has passed; None where it has no deadline."""
    last = ledger.last_round()
    if last is None or not last.settings.schedule.deadline_hours:
        return None
    waiting = ledger.waiting(last.round_id)
    over = deadline(last.settings.schedule, waiting)
    return waiting.open if over is not None and waiting.as_of >= over else 0


def _frames(context: WebContext, video: Video) -> FrameStore:
    return open_last_frames(context.project, context.ledger, [video])


def html_page(html: str) -> HTMLResponse:
    """Return a page with the policy that all pages of the dashboard have."""
    language = {"Content-Language": spoken(), "Vary": "Accept-Language, Cookie"}
    return HTMLResponse(html, headers={"Content-Security-Policy": _POLICY, **language})


@cache
def _static_version() -> str:
    import plotly

    content = "".join(asset(name) for name in _ASSETS) + plotly.__version__
    return hashlib.sha256(content.encode()).hexdigest()[:16]
