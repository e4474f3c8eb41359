"""The dashboard: what the ML lead and reviewers see. Annotators find their own figures on the labelling page."""

import hashlib
from collections.abc import Callable
from functools import cache, partial

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from al_core.errors import UnknownName
from al_core.ledger.people import Role
from al_core.records import Video
from tasks.frames import open_frames
from tasks.people import person_rows
from tasks.report import dashboard
from tasks.report.content import gather_rounds, gather_video
from tasks.report.dashboard import Frame
from tasks.report.document import asset
from tasks.versions import compare_rounds
from tasks.web.auth import at_least
from tasks.web.context import WebContext
from tasks.web.errors import ApiError

router = APIRouter(prefix="/dashboard", dependencies=[Depends(at_least(Role.REVIEWER))])

# Plotly gives its elements styles of their own; scripts still come from this server only.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
LINKS = tuple((name, f"/dashboard/{name.lower()}") for name in ("Overview", "Quality", "Videos", "People", "Runs"))


@router.get("")
def start() -> RedirectResponse:
    """The first page."""
    return RedirectResponse(LINKS[0][1])


@router.get("/version")
def version(request: Request) -> dict[str, str]:
    """Changes whenever something that the pages show has changed."""
    ledger = _context(request).ledger
    steps = [(s.round_id, s.name, s.status, s.attempts) for s in ledger.steps()]
    effort = ledger.human_effort()
    requests = [len(ledger.requests(status=status)) for status in ("open", "done")]
    return {"version": hashlib.sha256(repr((steps, effort, requests)).encode()).hexdigest()[:16]}


@router.get("/overview", response_class=HTMLResponse)
def overview(request: Request) -> HTMLResponse:
    """How far the videos are labelled."""
    context = _context(request)
    with context.ledger.held():
        content = gather_rounds(context.project, context.ledger)
        queue = {
            "Open": len(context.ledger.requests(status="open")),
            "Answered": len(context.ledger.requests(status="done")),
        }
    return _page(dashboard.overview(content, queue, _frame()))


@router.get("/quality", response_class=HTMLResponse)
def quality(request: Request) -> HTMLResponse:
    """How good the labels are."""
    # It knows the propagators, which take long to load.
    from tasks.calibration import delivered_samples

    context = _context(request)
    content = gather_rounds(context.project, context.ledger)
    return _page(dashboard.quality(content, delivered_samples(context.project, context.ledger), _frame()))


@router.get("/videos", response_class=HTMLResponse)
def videos(request: Request) -> HTMLResponse:
    """All videos, the least certain first."""
    context = _context(request)
    content = gather_rounds(context.project, context.ledger)
    peaks: dict[int, float] = {}
    if content.predicted_round is not None:
        found = context.ledger.least_certain_per_video(content.predicted_round, 1)
        peaks = dict(zip(found["video_id"].tolist(), found["uncertainty"].tolist(), strict=True))
    return _page(dashboard.videos(content, peaks, _frame()))


@router.get("/videos/{video_id}", response_class=HTMLResponse)
def video(request: Request, video_id: int) -> HTMLResponse:
    """One video, and what changed in it from the round before to the newest one."""
    context = _context(request)
    this = _video(context, video_id)
    last = context.ledger.last_round()
    if last is None:
        raise ApiError(404, "no round has begun", "Start one: fewframes run --project DIR.")
    frames = open_frames(context.project, context.ledger, last.settings.frames)
    content = gather_video(context.project, context.ledger, frames, this)
    newest = content.delivered_round
    before = None if newest is None else context.ledger.last_delivered_round(before=newest)
    compared, rounds = None, None
    if newest is not None and before is not None:
        rounds = (before, newest)
        compared = compare_rounds(context.project, context.ledger, *rounds, this.name)[this.name]
    return _page(dashboard.video(content, this, compared, rounds, _frame()))


@router.get("/people", response_class=HTMLResponse)
def people(request: Request) -> HTMLResponse:
    """Who labels, and how well."""
    context = _context(request)
    content = gather_rounds(context.project, context.ledger)
    return _page(dashboard.people(content, person_rows(context.project, context.ledger), _frame()))


@router.get("/runs", response_class=HTMLResponse)
def runs(request: Request) -> HTMLResponse:
    """Every step of every round."""
    context = _context(request)
    content = gather_rounds(context.project, context.ledger)
    return _page(dashboard.runs(content, context.ledger.rounds(), _frame()))


@router.get("/static/{version}/{name}")
def static_file(version: str, name: str) -> Response:
    """A style sheet or script; the version in the address lets browsers keep it for good."""
    if name not in _static_files():
        raise ApiError(404, f"there is no file {name!r}", "Load the page again.")
    kind = "text/css" if name.endswith(".css") else "text/javascript"
    lasting = "public, max-age=31536000, immutable" if version == _static_version() else "no-cache"
    return Response(_static_files()[name](), media_type=kind, headers={"Cache-Control": lasting})


def _context(request: Request) -> WebContext:
    context: WebContext = request.app.state.context
    return context


def _video(context: WebContext, video_id: int) -> Video:
    known = {v.video_id: v for v in context.ledger.videos()}
    if video_id not in known:
        raise UnknownName("video", str(video_id), [str(v) for v in known])
    return known[video_id]


def _frame() -> Frame:
    return Frame(f"/dashboard/static/{_static_version()}", LINKS)


def _page(html: str) -> HTMLResponse:
    return HTMLResponse(html, headers={"Content-Security-Policy": _POLICY})


@cache
def _static_files() -> dict[str, Callable[[], str]]:
    return {
        **{name: partial(asset, name) for name in ("page.css", "page.js", "live.js")},
        "plotly.js": _plotly,
    }


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    text: str = get_plotlyjs()
    return text


@cache
def _static_version() -> str:
    import plotly

    content = "".join(asset(name) for name in ("page.css", "page.js", "live.js")) + plotly.__version__
    return hashlib.sha256(content.encode()).hexdigest()[:16]
