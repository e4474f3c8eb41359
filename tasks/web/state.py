"""What the routes get to know and to call, and how far the newest round is, for the pages."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.project import Project
from tasks.network.forwarded import Network
from tasks.processes.rounds import RunState
from tasks.project.round_control import pause_in_words
from tasks.web.api import answer_examples as examples
from tasks.web.auth import Person
from tasks.web.error_responses import answers

router = APIRouter()


@dataclass(frozen=True, slots=True)
class WebContext:
    """One project as it is served; routes find it in ``request.app.state.context``.

    Attributes:
        ledger: the project's, opened by this process. Every operation may be called from any thread.
        secret: what processes show at /ledger.
        instance: what this server calls itself at /healthz.
        tls: whether people reach it over TLS, so that cookies are never sent without.
        prefix: path below which people see the server behind a proxy, e.g. "/label-tool"; "" is the root.
        proxies: networks of proxies, which may say who asks, how, and below which path.
        names: host names besides loopback and plain addresses that people may reach it by.
        answered: to be called with the number of a round when the last of its requests has its answer.
        run_state: how the run that takes rounds on is doing.
    """

    project: Project
    ledger: Ledger
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    instance: str = field(default_factory=lambda: secrets.token_hex(8))
    tls: bool = False
    prefix: str = ""
    proxies: tuple[Network, ...] = ()
    names: frozenset[str] = frozenset()
    answered: Callable[[int], None] = lambda _: None
    run_state: Callable[[], RunState] = RunState


async def context_of(request: Request) -> WebContext:
    """Return the project that a route answers for."""
    context: WebContext = request.app.state.context
    return context


Context = Annotated[WebContext, Depends(context_of)]


@router.get("/api/state", responses=answers(example=examples.STATE))
def state(context: Context, person: Person) -> dict[str, Any]:
    """Return the newest round, the step at work or done last, open requests, the run that takes it on, and why the
    campaign is over.

    Why a run ended early is for the lead; others learn that it did.
    """
    last, pause = context.ledger.last_round(), context.ledger.paused()
    run = context.run_state()
    error = run.last_error if person.role.covers(Role.LEAD) or not run.last_error else "the lead can see why"
    steps = context.ledger.steps(last.round_id) if last else []
    return {
        "round": last.round_id if last else None,
        "step": steps[-1].name if steps else None,
        "open": len(context.ledger.requests(status="open")),
        "running": run.running,
        "last_error": error,
        "paused": None if pause is None else pause_in_words(pause),
        "over": last.stop_reason if last and last.status == "finished" else None,
    }
