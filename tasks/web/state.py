"""How far the newest round is, for the pages."""

from typing import Any

from fastapi import APIRouter, Request

from al_core.ledger.labelling.people import Role
from tasks.web.auth import Person
from tasks.web.services import WebContext

router = APIRouter()


@router.get("/api/state")
def state(request: Request, person: Person) -> dict[str, Any]:
    """The newest round, the step that is at work or was done last, open requests, and the run that takes it on.

    Why a run ended early is for the lead; others learn that it did.
    """
    context: WebContext = request.app.state.context
    last = context.ledger.last_round()
    run = context.run_state()
    error = run.last_error if person.role.covers(Role.LEAD) or not run.last_error else "the lead can see why"
    steps = context.ledger.steps(last.round_id) if last else []
    return {
        "round": last.round_id if last else None,
        "step": steps[-1].name if steps else None,
        "open": len(context.ledger.requests(status="open")),
        "running": run.running,
        "last_error": error,
    }
