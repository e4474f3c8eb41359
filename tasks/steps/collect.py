"""Take the answers of people in, as far as they are there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from al_core.campaign.waiting import Until
from al_core.fingerprint import fingerprint
from al_core.records import Progress
from tasks.backends import open_backend
from tasks.certificates.certifying_rounds import certify_delivery
from tasks.certificates.frozen_masks import FrozenMasks
from tasks.progress import progress_of
from tasks.reviews.pairs import compare_answers
from tasks.steps.context import Collected, RoundContext, settle

_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class FoundAnswers:
    """What a look for answers found.

    Attributes:
        requested: requests of the round.
        answered: those that have an answer now.
        new: answers that this look brought, of this round or, where people may revise, of earlier ones.
        rejected: what came back and cannot be used, with the reasons.
    """

    requested: int
    answered: int
    new: int
    rejected: tuple[str, ...]


def collect_inputs(context: RoundContext) -> dict[str, Any]:
    """Return what the answers depend on: which requests they answer."""
    return {"requests": fingerprint([r.request_id for r in context.ledger.requests(context.round_id)])}


def collect_found(context: RoundContext) -> Collected:
    """Take in the answers that are there, without waiting for more; withdraw what the round no longer waits for.

    Returns:
        What the round waits for; nothing where it may go on.
    """
    ledger, round_id = context.ledger, context.round_id
    found = collect_labels(context, progress_of("collect"))
    # Where a server was killed before it did.
    compare_answers(ledger)
    waiting = ledger.waiting(round_id)
    if waiting.open or waiting.unapproved:
        # Nobody gets a frame while the project is paused, so no deadline counts.
        until = Until.ANSWERED if ledger.paused() else settle(ledger, context.round).until
        if until is not Until.NOTHING:
            waiting = ledger.waiting(round_id)
            return Collected(waiting.open + waiting.unapproved, found.rejected, unapproved=waiting.unapproved)
    return Collected(0, found.rejected)


def collect_work(context: RoundContext, rejected: tuple[str, ...]) -> Collected:
    """Note when the answers were complete, which tells later steps what they work on, and what is accepted by then of
    what was delivered before."""
    ledger, round_id = context.ledger, context.round_id
    expired = len(ledger.requests(round_id, "expired"))
    held_back = ledger.waiting(round_id).unapproved
    answered = len(ledger.requests(round_id)) - expired - held_back
    as_of = ledger.newest_answer_at(round_id).isoformat()
    certify_delivery(context, context.before.round_id)
    accepted = FrozenMasks.of(context.project, ledger, round_id - 1).ids
    newest = ledger.newest_tag_at()
    tagged = "" if newest is None else newest.isoformat()
    return Collected(0, rejected, answered, expired, as_of, held_back, tuple(accepted), tagged)


def collect_labels(context: RoundContext, on_progress: Callable[[Progress], None] | None = None) -> FoundAnswers:
    """Take in every answer that is there; each is stored once, however often it is collected."""
    ledger, round_id = context.ledger, context.round_id
    backend = open_backend(context)
    states = (None,) if backend.revisable else ("open", "abandoned")
    asked = [r for state in states for r in ledger.requests(status=state) if 0 < r.round_id <= round_id]
    asked += [r for state in states for r in ledger.requests(status=state, purpose="holdout")]
    new = 0
    for start in range(0, len(asked), _AT_ONCE):
        some = asked[start : start + _AT_ONCE]
        new += sum(ledger.put_answer(answer) for answer in backend.collect([r.request_id for r in some]))
        if on_progress is not None:
            on_progress(Progress(start + len(some), len(asked), "answers"))
    requested = ledger.requests(round_id)
    waiting = ledger.requests(round_id, "open")
    return FoundAnswers(len(requested), len(requested) - len(waiting), new, tuple(backend.rejected()))
