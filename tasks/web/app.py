"""The web application: routes of people and of other processes, behind one middleware."""

from fastapi import APIRouter, FastAPI, Request

from tasks.ledger import owner_api
from tasks.network.forwarded import Forwarded
from tasks.web import auth, dashboard_routes, label_routes, pages, state
from tasks.web.api import api_description, category_routes
from tasks.web.auditing import audit_routes, certificate_routes
from tasks.web.error_responses import add_error_handlers
from tasks.web.identity import object_routes
from tasks.web.identity.devices import Devices
from tasks.web.identity.given_numbers import GivenNumbers
from tasks.web.label_cache import LabelCache
from tasks.web.middleware import Guard
from tasks.web.reviewing import review_routes
from tasks.web.several import standing
from tasks.web.state import WebContext
from tasks.web.tagging import tag_routes
from tasks.web.tracking import track_routes

ROUTERS: tuple[APIRouter, ...] = (
    owner_api.router,
    auth.router,
    label_routes.router,
    review_routes.router,
    object_routes.router,
    track_routes.router,
    category_routes.router,
    audit_routes.router,
    tag_routes.router,
    state.router,
    standing.router,
    api_description.router,
    pages.router,
    dashboard_routes.router,
    certificate_routes.router,
    dashboard_routes.own,
)
"""Everything that is mounted."""


def create_app(context: WebContext) -> FastAPI:
    """Return the application of one project.

    Routes get the context as ``request.app.state.context``. Any error is answered as
    ``{"error": what, "mend": what to do}``; what describes the API is behind the sign-in.
    """
    app = FastAPI(title="fewframes", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.context = context
    app.state.label_cache = LabelCache(context)
    app.state.given_numbers = GivenNumbers()
    app.state.devices = Devices()
    app.state.failed_links = auth.FailedLinks()
    add_error_handlers(app)
    mount(app)
    app.add_middleware(Guard, secret=context.secret, names=context.names)
    app.add_middleware(Forwarded, prefix=context.prefix, trusted=context.proxies)
    return app


def mount(app: FastAPI) -> None:
    """Add all routes to an application."""
    app.add_api_route("/healthz", _healthz, methods=["GET"])
    for router in ROUTERS:
        app.include_router(router)


async def _healthz(request: Request) -> dict[str, str]:
    """Tell that the server lives, and which one it is."""
    return {"status": "ok", "instance": request.app.state.context.instance}
