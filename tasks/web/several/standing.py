"""How a project stands, for the list of several: how much has masks, and what it needs of whom."""

from typing import Any

from fastapi import APIRouter, Request

from al_core.ledger.file.soundness import has_room
from tasks.web.api import answer_examples as examples
from tasks.web.auth import Person
from tasks.web.error_responses import answers
from tasks.web.label_routes import me
from tasks.web.state import Context, state

router = APIRouter()

_FIGURES = {"videos": 3, "frames": 900, "covered": 800, "by_people": 42, "has_room": True}
_EXAMPLE = {"me": examples.ME, "state": examples.STATE} | _FIGURES


@router.get("/api/standing", responses=answers(example=_EXAMPLE))
def standing(request: Request, context: Context, person: Person) -> dict[str, Any]:
    """Tell at a glance how the project stands: what it needs of this person (``me``), how its rounds go (``state``),
    how many frames there are, have masks and were labelled by people, and whether its disk has room for answers.
    """
    ledger = context.ledger
    with ledger.held():
        rounds, delivered, lengths = ledger.coverage(), ledger.last_delivered_round(), ledger.pool_lengths()
        covered = 0 if delivered is None else ledger.frames_covered(delivered)
    return {
        "me": me(request, person),
        "state": state(context, person),
        "videos": len(lengths),
        "frames": sum(lengths.values()),
        "covered": covered,
        "by_people": rounds[-1]["human_frames"] if rounds else 0,
        "has_room": has_room(context.project.ledger_path),
    }
