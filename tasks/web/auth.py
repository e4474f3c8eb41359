"""Sign-in: a personal link opens a session, whose key the browser keeps in a cookie that scripts cannot read."""

import hashlib
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from cachetools import LRUCache
from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from al_core.ledger.labelling.people import Annotator, Role
from al_core.project import Project
from tasks.network.forwarded import PREFIX
from tasks.web.error_responses import ApiError, answers

COOKIE = "fewframes_session"
"""The cookie of earlier versions, which two projects on one host shared; sessions in it go on."""
SESSION_SECONDS = 30 * 86400.0
FAILURES, FAILURE_SECONDS = 10, 60.0
"""This many invalid tokens of one link may be tried in this many seconds."""

_MOST_KEYS = 10_000

router = APIRouter()


class FailedLinks:
    """Counts invalid tokens by link or address, so that nobody tries many, or fills the audit log.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: LRUCache[str, deque[float]] = LRUCache(_MOST_KEYS)
        self._lock = threading.Lock()

    def wait(self, key: str) -> float:
        """Return the seconds until this link or address may try again; 0 when it may now."""
        with self._lock:
            failures = self._recent(key)
            return failures[0] + FAILURE_SECONDS - self._clock() if len(failures) >= FAILURES else 0.0

    def note(self, key: str) -> None:
        """Count one more failure."""
        with self._lock:
            failures = self._recent(key)
            failures.append(self._clock())
            self._failures[key] = failures

    def _recent(self, key: str) -> deque[float]:
        failures = self._failures.get(key, deque(maxlen=FAILURES))
        while failures and self._clock() - failures[0] >= FAILURE_SECONDS:
            failures.popleft()
        return failures


async def signed_in(request: Request) -> Annotator:
    """Return the person whose session the cookie names.

    Raises:
        ApiError: 401, nobody is signed in.
    """
    ledger, key = request.app.state.context.ledger, _session_key(request)
    # Whoever was here before is known without a look into the ledger, and each change to another thread is a wait
    # where processors are short.
    person = ledger.session_holder(key) if ledger.is_at_hand else await run_in_threadpool(ledger.session_holder, key)
    if person is None:
        raise ApiError(401, "nobody is signed in here", "Open your personal link again, or ask the lead for a new one.")
    request.state.reads_folders = person.role.covers(Role.LEAD)
    return person


Person = Annotated[Annotator, Depends(signed_in)]


def at_least(role: Role) -> Callable[[Request, Annotator], Awaitable[Annotator]]:
    """Return a dependency: somebody is signed in who may do what a role may."""

    async def check(request: Request, person: Person) -> Annotator:
        if not person.role.covers(role):
            asked = f"{request.method} {request.url.path}"
            log = request.app.state.context.ledger.log_action
            await run_in_threadpool(log, person.name, "refused", asked, f"{person.role} is no {role}")
            raise ApiError(403, f"this is for a {role}; you are {person.role}", "Ask the lead.")
        return person

    return check


Labeller = Annotated[Annotator, Depends(at_least(Role.ANNOTATOR))]
Viewer = Annotated[Annotator, Depends(at_least(Role.VIEWER))]
Reviewer = Annotated[Annotator, Depends(at_least(Role.REVIEWER))]
Lead = Annotated[Annotator, Depends(at_least(Role.LEAD))]


class Token(BaseModel):
    """What a personal link carries."""

    token: str = Field(max_length=200)


@router.post("/enter", responses=answers(401, 429, example={"page": "label"}))
def enter(request: Request, body: Token) -> JSONResponse:
    """Sign in by the token of a personal link; says which page comes next: the dashboard for those who look first.

    It comes in a body, so that it stands in no address, and so in no history, referrer or log of a proxy.
    """
    ledger = request.app.state.context.ledger
    key = ledger.sign_in(body.token, SESSION_SECONDS)
    if key is None:
        raise _refusal(request, body.token)
    person = ledger.session_holder(key)
    looks_first = person is not None and person.role in (Role.VIEWER, Role.LEAD)
    answer = JSONResponse({"page": "dashboard/overview" if looks_first else "label"})
    name, options = _cookie(request)
    answer.set_cookie(name, key, max_age=int(SESSION_SECONDS), **options)
    return answer


@router.post("/api/leave", status_code=204)
def leave(request: Request) -> Response:
    """Sign out."""
    request.app.state.context.ledger.sign_out(_session_key(request))
    answer = Response(status_code=204)
    name, options = _cookie(request)
    answer.delete_cookie(name, **options)
    answer.delete_cookie(COOKIE, **options | {"path": "/"})
    return answer


def cookie_name(project: Project, prefix: str = "") -> str:
    """Return what the cookie of a project is called: projects on one host, at other ports or paths, have others."""
    return f"{COOKIE}_{hashlib.sha256(f'{project.root} {prefix}'.encode()).hexdigest()[:8]}"


def _cookie(request: Request) -> tuple[str, dict[str, Any]]:
    """Return the name of the session's cookie, and where it may be sent."""
    context, prefix = request.app.state.context, request.scope.get(PREFIX, "")
    secure = context.tls or request.url.scheme == "https"
    options = {"path": f"{prefix}/", "httponly": True, "samesite": "strict", "secure": secure}
    return cookie_name(context.project, prefix), options


def _session_key(request: Request) -> str:
    return request.cookies.get(_cookie(request)[0]) or request.cookies.get(COOKIE, "")


def _refusal(request: Request, token: str) -> ApiError:
    """Count a token that is not good, and return what is answered.

    A good one never comes here: whoever guesses slows down guesses of that link, and nobody else. Guesses are limited
    by address only in what they write into the audit log.
    """
    failed: FailedLinks = request.app.state.failed_links
    address = request.client.host if request.client else ""
    link = f"link {token.partition('.')[0]}"
    wait = failed.wait(link)
    if failed.wait(address) <= 0:
        what = f"a link that is not good, from {address}"
        request.app.state.context.ledger.log_action("", "refused", "/enter", what)
    for key in (link, address):
        failed.note(key)
    if wait > 0:
        return ApiError(429, "too many tokens of this link that are not good", f"Try again in {wait:.0f} s.")
    return ApiError(401, "this link is not good, or not any more", "Ask the lead for a new one.")
