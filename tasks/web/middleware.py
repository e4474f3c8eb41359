"""The middleware before every route: host names, secrets, sizes of bodies, headers for browsers."""

import asyncio
import hmac
import ipaddress
import logging
import re
import time
from collections.abc import Iterable
from http import HTTPStatus

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tasks.web.transport.logs import REQUESTS

_log = logging.getLogger(__name__)
_requests = logging.getLogger(REQUESTS)

LEDGER = "/ledger/"
BODY_LIMIT = 16 * 2**20
"""Bytes that people may send at once; a 1080p mask is a few kilobytes."""
LEDGER_BODY_LIMIT = 2**30
"""Bytes that a process which knows the secret may send at once."""
BODY_SECONDS = 120.0
"""How long one request may take to come in."""

_SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What every answer says, unless its route says something else."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}")
_CHANGING = ("POST", "PUT", "PATCH", "DELETE")


class Guard:
    """Refuses what no route should see, and adds the headers that browsers need.

    Args:
        app: the application behind it.
        secret: what processes show at /ledger.
        names: host names that are allowed besides loopback and plain addresses. A plain address in the Host header
            cannot come from a page whose name was bent to point here (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, secret: str, names: Iterable[str] = ()) -> None:
        self._app = app
        self._authorization = f"Bearer {secret}"
        self._names = {"localhost", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, answered = time.perf_counter(), False

        async def answer(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered, sent = True, MutableHeaders(scope=message)
                for name, value in _SECURITY.items():
                    sent.setdefault(name, value)
                _note(scope, message["status"], time.perf_counter() - started)
            await send(message)

        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        limit = LEDGER_BODY_LIMIT if scope["path"].startswith(LEDGER) else BODY_LIMIT
        body = b""
        if refusal is None:
            try:
                body = await _body(headers, receive, limit)
            except _BodyRefused as error:
                refusal = error.answer
        if refusal is not None:
            await refusal(scope, receive, answer)
            return
        try:
            await self._app(scope, _again(body, receive), answer)
        except Exception:
            if answered:
                raise
            _log.exception("%s %s failed", scope["method"], scope["path"])
            failed = _refused(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "something went wrong on the server",
                "Try again; the lead finds the reason in serve.log.",
            )
            await failed(scope, receive, answer)

    def _refusal(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "")
        if not self._is_known(host):
            name = host.partition(":")[0]
            name = name if _NAME.fullmatch(name) else "NAME"
            return _refused(
                HTTPStatus.BAD_REQUEST,
                "this server does not go by that name",
                f"Use the address that serve printed, or let it know the name: fewframes serve --name {name}",
            )
        if scope["path"].startswith(LEDGER):
            given = headers.get("authorization", "").encode()
            if not hmac.compare_digest(given, self._authorization.encode()):
                return _refused(
                    HTTPStatus.UNAUTHORIZED, "the secret is wrong", "Read owner.json in the project folder again."
                )
        elif scope["method"] in _CHANGING and headers.get("x-fewframes") != "1":
            return _refused(
                HTTPStatus.FORBIDDEN,
                "a call that changes something needs the header X-Fewframes: 1",
                "Send that header; pages of other sites cannot.",
            )
        return None

    def _is_known(self, host: str) -> bool:
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        return name.lower() in self._names or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class _BodyRefused(Exception):
    """A body is too large, or takes too long to come."""

    def __init__(self, status: HTTPStatus, error: str, mend: str) -> None:
        self.answer = _refused(status, error, mend)


async def _body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """Read the whole body; of one that is larger than the limit no more than that is read."""
    too_large = _BodyRefused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "that is too much to send at once",
        f"Send at most {limit:,} bytes at a time.",
    )
    announced = headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > limit:
        raise too_large
    chunks, size, more = [], 0, True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _BodyRefused(HTTPStatus.BAD_REQUEST, "the line broke", "Send it again.")
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > limit:
                    raise too_large
                more = message.get("more_body", False)
    except TimeoutError:
        raise _BodyRefused(
            HTTPStatus.REQUEST_TIMEOUT, f"it did not come whole within {BODY_SECONDS:g} s", "Send it again."
        ) from None
    return b"".join(chunks)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what hands out a body that was read already, and then what comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def hand_out() -> Message:
        return waiting.pop() if waiting else await receive()

    return hand_out


def _refused(status: HTTPStatus, error: str, mend: str) -> JSONResponse:
    # What the client still sends of its body is not waited for.
    return JSONResponse({"error": error, "mend": mend}, status, {"Connection": "close"})


def _note(scope: Scope, status: int, seconds: float) -> None:
    """Log a request without its query, which may hold somebody's token."""
    level = logging.DEBUG if scope["path"].startswith((LEDGER, "/healthz")) else logging.INFO
    words = scope["method"], scope["path"], status, seconds * 1e3
    _requests.log(level, "%s %s %d %.1f ms", *words, extra={"status": status})
