"""Requests below /p/NAME/ are handed on to the server of that project, and its answers back, as a reverse proxy does.

A project gets no cookie of another one, and nobody reaches its ledger from here: that is for processes of this machine.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote

import httpx
from fastapi import Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from starlette.background import BackgroundTask

from tasks.languages.catalogue import COOKIE as LANGUAGE
from tasks.network.forwarded import PREFIX
from tasks.web.auth import cookie_name
from tasks.web.error_responses import ApiError
from tasks.web.middleware import LEDGER
from tasks.web.several.project_servers import ProjectServer, Trouble

MOST_AT_A_TIME = 100
"""Requests that one project may have under way; one that hangs keeps no more of this server's memory."""

# Longer than anything that a project is asked for takes; people's browsers wait less.
_TIMEOUT = httpx.Timeout(150.0, connect=5.0, pool=1.0)
# Shorter than servers keep idle connections, so that none is closed just when something is sent on it.
_IDLE_SECONDS = 5.0
_OF_ONE_CONNECTION = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "date"}
)
_NOT_HANDED_ON = _OF_ONE_CONNECTION | {"host", "cookie", "authorization", "content-length", "forwarded"}
_AWAY = Trouble("this project does not answer at the moment", "Try again in a moment.")
_UNTOLD = Trouble("this project is not served at the moment", "Try again in a moment, or tell the lead.")


def project_client() -> httpx.AsyncClient:
    """Return a client for the server of one project."""
    limits = httpx.Limits(max_connections=MOST_AT_A_TIME, keepalive_expiry=_IDLE_SECONDS)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(timeout=_TIMEOUT, limits=limits, trust_env=False, verify=trust)


def prefix_of(request: Request, name: str) -> str:
    """Return the path below which browsers see a project."""
    return f"{request.scope.get(PREFIX, '')}/p/{name}"


async def hand_on(request: Request, server: ProjectServer, path: str, client: httpx.AsyncClient) -> Response:
    """Let a project answer a request.

    Args:
        path: below the project's own, with a slash at its beginning; "" without one.

    Raises:
        ApiError: 404, it is none for people; 503, the project is not served, or does not answer.
    """
    prefix = prefix_of(request, server.name)
    if not path:
        # Pages name each other from where they are, so the address has to end with a slash.
        return RedirectResponse(f"{prefix}/")
    if path.startswith(LEDGER):
        raise ApiError(404, "there is no such page", "Check the address.")
    cookie = _cookie(request, cookie_name(server.project, prefix))
    language = _cookie(request, LANGUAGE)
    if server.owner is None:
        raise _not_served((server.trouble or _AWAY) if cookie else _UNTOLD)
    address = httpx.URL(f"{server.owner.url}{quote(path, safe=_SAFE)}", query=request.url.query.encode() or None)
    asked = client.build_request(
        request.method, address, headers=_handed_on(request, prefix, [cookie, language]), content=await request.body()
    )
    try:
        answer = await _sent(request, client, asked)
    except httpx.TransportError:
        raise _not_served(_AWAY) from None
    return _given_back(answer)


_SAFE = "/~!$&'()*+,;=:@-._"


def _not_served(trouble: Trouble) -> ApiError:
    return ApiError(503, trouble.error, trouble.mend)


def _handed_on(request: Request, prefix: str, cookies: Sequence[str]) -> list[tuple[str, str]]:
    """Return the headers of a request as the project sees them."""
    kept = [
        (name, value)
        for name, value in request.headers.items()
        if name not in _NOT_HANDED_ON and not name.startswith("x-forwarded-")
    ]
    return [
        *kept,
        *([("cookie", "; ".join(filter(None, cookies)))] if any(cookies) else []),
        ("x-forwarded-for", request.client.host if request.client else ""),
        ("x-forwarded-proto", request.url.scheme),
        ("x-forwarded-prefix", prefix),
    ]


def _cookie(request: Request, name: str) -> str:
    """Return one cookie as it is sent; empty where there is none."""
    value = request.cookies.get(name, "")
    return f"{name}={value}" if value else ""


async def _sent(request: Request, client: httpx.AsyncClient, asked: httpx.Request) -> httpx.Response:
    """Send a request; where who asked goes away before there is an answer, the project learns that too."""
    sending = asyncio.ensure_future(client.send(asked, stream=True))
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            raise httpx.ReadError("who asked is gone")
        return sending.result()
    finally:
        sending.cancel()
        leaving.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _given_back(answer: httpx.Response) -> Response:
    """Return the answer of a project as it is, while it comes."""
    given = StreamingResponse(_parts(answer), answer.status_code, background=BackgroundTask(answer.aclose))
    given.raw_headers = [
        (name.lower(), value)
        for name, value in answer.headers.raw
        if name.decode("latin-1").lower() not in _OF_ONE_CONNECTION
    ]
    return given


async def _parts(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for part in answer.aiter_raw():
            yield part
    finally:
        await answer.aclose()
