"""What stands before several projects at one address: the list of them, and one sign-in.

It keeps nothing and knows nobody. Who somebody is, and what they may do, each project finds in its own ledger: a link
opens a session in every project that knows it, and each has a cookie of its own, sent to it alone. Which projects a
browser was let into is in one more cookie; it opens nothing, and only says what to list.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from tasks.ledger.codec import pack, unpack
from tasks.network.forwarded import PREFIX, Forwarded, Network
from tasks.web import pages
from tasks.web.auth import SESSION_SECONDS, FailedLinks, Token, cookie_name
from tasks.web.error_responses import ApiError, add_error_handlers
from tasks.web.middleware import Guard
from tasks.web.several.handing_on import hand_on, prefix_of, project_client
from tasks.web.several.project_servers import ProjectServer

_log = logging.getLogger(__name__)

LISTED = "fewframes_projects"
"""The cookie with the names of the projects that a browser was let into, between slashes, which stand in no name."""

_SIGN_IN_SECONDS = 10.0
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class Front:
    """The projects that are served at one address.

    Args:
        servers: of the projects.
        tls: whether people reach it over TLS, so that cookies are never sent without.
    """

    def __init__(self, servers: Mapping[str, ProjectServer], tls: bool = False) -> None:
        self._servers = servers
        self._tls = tls
        self._failed = FailedLinks()
        self._clients = {name: project_client() for name in servers}

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Close what is open when the server ends."""
        yield
        for client in self._clients.values():
            await client.aclose()

    async def page(self, request: Request) -> HTMLResponse:
        """Show the list of projects, and where to sign in."""
        return pages.page_of("projects.html", request)

    async def listed(self, request: Request) -> dict[str, list[str]]:
        """Name the projects that this browser was let into."""
        return {"projects": self._listed(request)}

    async def enter(self, request: Request, body: Token) -> JSONResponse:
        """Sign in by the token of a personal link, to every project that knows it."""
        return await self._enter(request, body.token, list(self._servers))

    async def enter_one(self, request: Request, name: str, body: Token) -> JSONResponse:
        """Sign in to one project."""
        return await self._enter(request, body.token, [self._known(name).name])

    async def leave(self, request: Request) -> Response:
        """Forget which projects are listed; the page signs out of each before."""
        answer = Response(status_code=204)
        answer.delete_cookie(LISTED, **self._options(request, ""))
        return answer

    async def project(self, request: Request, name: str, path: str) -> Response:
        """Let a project answer."""
        return await hand_on(request, self._known(name), path, self._clients[name])

    def _known(self, name: str) -> ProjectServer:
        if name not in self._servers:
            raise ApiError(404, "there is no such project here", "Check the address.")
        return self._servers[name]

    async def _enter(self, request: Request, token: str, names: list[str]) -> JSONResponse:
        keys = await asyncio.gather(*(self._key(name, token) for name in names))
        opened = {name: key for name, key in zip(names, keys, strict=True) if key}
        if not opened:
            raise self._refusal(request, token, names)
        answer = JSONResponse({"page": "./", "projects": list(opened)})
        for name, key in opened.items():
            prefix = prefix_of(request, name)
            cookie = cookie_name(self._servers[name].project, prefix)
            answer.set_cookie(cookie, key, max_age=int(SESSION_SECONDS), **self._options(request, f"/p/{name}"))
        both = dict.fromkeys([*self._listed(request), *opened])
        answer.set_cookie(LISTED, "/".join(both), max_age=int(SESSION_SECONDS), **self._options(request, ""))
        return answer

    async def _key(self, name: str, token: str) -> str | None:
        """Return the key of a new session in a project; None where it does not know the token, or cannot be asked."""
        owner = self._servers[name].owner
        if owner is None:
            return None
        try:
            answer = await self._clients[name].post(
                f"{owner.url}/ledger/sign_in",
                content=pack({"key": token, "seconds": SESSION_SECONDS}),
                headers={"Authorization": f"Bearer {owner.secret}"},
                timeout=_SIGN_IN_SECONDS,
            )
            key: str | None = unpack(answer.raise_for_status().content)
        except httpx.HTTPError as error:
            _log.warning("nobody can sign in to %s now: %s", name, error or type(error).__name__)
            return None
        return key

    def _refusal(self, request: Request, token: str, names: list[str]) -> ApiError:
        """Count a token that is not good, and return what is answered; a good one never comes here."""
        address = request.client.host if request.client else ""
        link = f"link {token.partition('.')[0]}"
        wait = self._failed.wait(link)
        if self._failed.wait(address) <= 0:
            _log.warning("a link that is not good, from %s", address)
        for key in (link, address):
            self._failed.note(key)
        if wait > 0:
            return ApiError(429, "too many tokens of this link that are not good", f"Try again in {wait:.0f} s.")
        if any(self._servers[name].owner is None for name in names):
            return ApiError(
                401, "no project that is served at the moment knows this link", "Try again later, or ask the lead."
            )
        return ApiError(401, "this link is not good, or not any more", "Ask the lead for a new one.")

    def _listed(self, request: Request) -> list[str]:
        return [name for name in request.cookies.get(LISTED, "").split("/") if name in self._servers]

    def _options(self, request: Request, path: str) -> dict[str, Any]:
        secure = self._tls or request.url.scheme == "https"
        place = f"{request.scope.get(PREFIX, '')}{path}/"
        return {"path": place, "httponly": True, "samesite": "strict", "secure": secure}


def create_front(
    front: Front, names: frozenset[str] = frozenset(), prefix: str = "", proxies: tuple[Network, ...] = ()
) -> FastAPI:
    """Return the application that stands before several projects.

    Args:
        names: host names that people reach it by.
        prefix: path below which people see it behind a proxy.
        proxies: that may say who asks, how, and below which path.
    """
    app = FastAPI(
        title="fewframes",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=front.lifespan,
    )
    add_error_handlers(app)
    app.add_api_route("/healthz", _healthz, methods=["GET"])
    for path in ("/", "/enter"):
        app.add_api_route(path, front.page, methods=["GET"])
    app.add_api_route("/enter", front.enter, methods=["POST"])
    app.add_api_route("/api/projects", front.listed, methods=["GET"])
    app.add_api_route("/api/leave", front.leave, methods=["POST"])
    app.add_api_route("/static/{version}/{name}", pages.static_file, methods=["GET"])
    app.add_api_route("/p/{name}/enter", front.enter_one, methods=["POST"])
    app.add_api_route("/p/{name}{path:path}", front.project, methods=_METHODS)
    # It has no ledger, so nobody is told the secret of one.
    app.add_middleware(Guard, secret=secrets.token_urlsafe(32), names=names)
    app.add_middleware(Forwarded, prefix=prefix, trusted=proxies)
    return app


async def _healthz() -> dict[str, str]:
    """Tell that the server lives."""
    return {"status": "ok"}
