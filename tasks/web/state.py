"""How far the newest round is, for the pages."""

from typing import Any

from fastapi import APIRouter, Request

from tasks.web.context import WebContext

router = APIRouter()


@router.get("/api/state")
def state(request: Request) -> dict[str, Any]:
    """The newest round, the step that is at work or was done last, open requests, and the run that takes it on."""
    context: WebContext = request.app.state.context
    last = context.ledger.last_round()
    run = context.run_state()
    steps = context.ledger.steps(last.round_id) if last else []
    return {
        "round": last.round_id if last else None,
        "step": steps[-1].name if steps else None,
        "open": len(context.ledger.requests(status="open")),
        "running": run.running,
        "last_error": run.last_error,
    }
