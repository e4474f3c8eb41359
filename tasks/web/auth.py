"""Sign-in: a personal link opens a session, whose key the browser keeps in a cookie that scripts cannot read."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Annotated

from cachetools import LRUCache
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from al_core.ledger.labelling.people import Annotator, Role
from tasks.web.error_responses import ApiError

COOKIE = "fewframes_session"
SESSION_SECONDS = 30 * 86400.0
FAILURES, FAILURE_SECONDS = 10, 60.0
"""This many invalid links may be tried from one address in this many seconds."""

_MOST_ADDRESSES = 10_000

router = APIRouter()


class FailedLinks:
    """Counts invalid links by address, so that nobody tries many.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: LRUCache[str, deque[float]] = LRUCache(_MOST_ADDRESSES)
        self._lock = threading.Lock()

    def wait(self, address: str) -> float:
        """Return the seconds until this address may try again; 0 when it may now."""
        with self._lock:
            failures = self._recent(address)
            return failures[0] + FAILURE_SECONDS - self._clock() if len(failures) >= FAILURES else 0.0

    def note(self, address: str) -> None:
        """Count one more failure."""
        with self._lock:
            failures = self._recent(address)
            failures.append(self._clock())
            self._failures[address] = failures

    def _recent(self, address: str) -> deque[float]:
        failures = self._failures.get(address, deque(maxlen=FAILURES))
        while failures and self._clock() - failures[0] >= FAILURE_SECONDS:
            failures.popleft()
        return failures


def signed_in(request: Request) -> Annotator:
    """Return the person whose session the cookie names.

    Raises:
        ApiError: 401, nobody is signed in.
    """
    person = request.app.state.context.ledger.session_holder(request.cookies.get(COOKIE, ""))
    if person is None:
        raise ApiError(401, "nobody is signed in here", "Open your personal link again, or ask the lead for a new one.")
    return person


Person = Annotated[Annotator, Depends(signed_in)]


def at_least(role: Role) -> Callable[[Request, Annotator], Annotator]:
    """Return a dependency: somebody is signed in who may do what a role may."""

    def check(request: Request, person: Person) -> Annotator:
        if not person.role.covers(role):
            asked = f"{request.method} {request.url.path}"
            request.app.state.context.ledger.log_action(person.name, "refused", asked, f"{person.role} is no {role}")
            raise ApiError(403, f"this is for a {role}; you are {person.role}", "Ask the lead.")
        return person

    return check


Reviewer = Annotated[Annotator, Depends(at_least(Role.REVIEWER))]
Lead = Annotated[Annotator, Depends(at_least(Role.LEAD))]


@router.get("/enter")
def enter(request: Request, token: str = "") -> Response:
    """Sign in by a personal link."""
    context, failed = request.app.state.context, request.app.state.failed_links
    address = request.client.host if request.client else ""
    wait = failed.wait(address)
    if wait > 0:
        raise ApiError(429, "too many links that are not good", f"Try again in {wait:.0f} s.")
    key = context.ledger.sign_in(token, SESSION_SECONDS)
    if key is None:
        failed.note(address)
        context.ledger.log_action("", "refused", "/enter", f"a link that is not good, from {address}")
        raise ApiError(401, "this link is not good, or not any more", "Ask the lead for a new one.")
    response = _to_the_page(request)
    response.set_cookie(
        COOKIE, key, max_age=int(SESSION_SECONDS), path="/", httponly=True, samesite="strict", secure=context.tls
    )
    return response


@router.post("/api/leave", status_code=204)
def leave(request: Request) -> Response:
    """Sign out."""
    request.app.state.context.ledger.sign_out(request.cookies.get(COOKIE, ""))
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


def _to_the_page(request: Request) -> Response:
    # After a link in a mail or chat, browsers hold strict cookies back along the whole redirection; a page of our own
    # in between ends it.
    if request.headers.get("sec-fetch-site") == "cross-site":
        return HTMLResponse(
            '<!doctype html><meta http-equiv="refresh" content="0; url=/label">'
            '<title>fewframes</title><a href="/label">Go on to the frames</a>'
        )
    return RedirectResponse("/label", status_code=303)
