"""Certify what rounds deliver as they go on, where the settings ask for it.

A round's answers and those to the audit of the delivery before come from the same people at the same time. So the
delivery before is decided on when the answers of a round are there, just before it carries masks again, and a round's
own delivery at its end, where its audit is answered by then.
"""

import logging

from al_core.audit.audit_records import Certificate, Grade
from al_core.errors import BadAudit, NotReady
from al_core.ledger.store import Ledger
from al_core.settings import Settings
from tasks.steps.context import RoundContext

_log = logging.getLogger(__name__)


def certify_delivery(context: RoundContext, round_id: int) -> Certificate | None:
    """Decide on what a round delivered, if that is wished for and all answers to its audit are there.

    Args:
        context: whose settings count.
        round_id: whose delivery; 0 for none.

    Returns:
        The look, which may have accepted nothing; None where nothing was looked at and nothing is spent.
    """
    certificates = context.settings.certificates
    if not certificates.automatic or not round_id:
        return None
    samples = context.ledger.audit_samples(round_id)
    if not samples or has_look(context.ledger, round_id):
        return None
    # Commands that only look at a project start without scipy.
    from tasks.auditing.samples import requests_of
    from tasks.certificates.issuing import MASKS, Wish, issue

    names = requests_of(context.ledger, samples[-1])
    asked = {names[unit.key] for unit in samples[-1].of(Grade.JUDGED)}
    if any(r.request_id in asked for r in context.ledger.requests(status="open", purpose="audit")):
        return None
    wish = Wish(
        *(MASKS, round_id, Grade.JUDGED, samples[-1].iou, certificates.error, certificates.confidence),
        corrected=certificates.corrected,
    )
    try:
        made = issue(context.project, context.ledger, wish)
    except (NotReady, BadAudit) as error:
        _log.info("round %d: nothing is certified: %s", round_id, error)
        return None
    _log.info("round %d: certificate %s: %d masks accepted", round_id, made.certificate_id, made.accepted_masks)
    return made


def has_look(ledger: Ledger, round_id: int) -> bool:
    """Tell whether masks of a round's delivery were decided on."""
    return any(look.round_id == round_id and look.kind == "masks" for look in ledger.certificates())


def sentence_ahead(ledger: Ledger, settings: Settings) -> str:
    """Return how far the next look by itself is, as people read it; empty where there will be none."""
    audited = next((state for state in reversed(ledger.audit_state()) if not has_look(ledger, state[0])), None)
    wanted = settings.certificates
    if not wanted.automatic or audited is None:
        return ""
    # Commands that only look at a project start without scipy.
    from al_core.audit.certifying import risk_of_look
    from al_core.audit.failure_tail import answers_needed
    from tasks.auditing.samples import requests_of

    round_id, asked, answered, _ = audited
    sample = ledger.audit_samples(round_id)[-1]
    size = sum(stratum.size for stratum in sample.strata if stratum.provenance)
    number, drawn = len(ledger.certificates()) + 1, len(sample.of(Grade.JUDGED))
    needed = answers_needed(size, wanted.error, risk_of_look(number, wanted.confidence)) if size else None
    about = f"Look {number}, at what round {round_id} delivered,"
    if needed is None:
        return f"{about} cannot certify anything: {size} masks are too few to bound their error by a sample."
    if drawn < needed:
        return (
            f"{about} cannot certify anything: it takes {needed} judged masks without a bad one, and {drawn} are "
            "drawn; raise certificates.judged for the next delivery."
        )
    still = set(requests_of(ledger, sample).values())
    if any(r.request_id in still for r in ledger.requests(status="open", purpose="audit")):
        return f"{about} waits for answers to its audit: {answered} of {asked} are there."
    return f"{about} is decided on when the next answers of the round under way are complete."
