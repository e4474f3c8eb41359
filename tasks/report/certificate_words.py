"""Certificates as people read them: what is accepted, at which bound, and with which confidence all of them hold."""

from collections.abc import Sequence
from datetime import datetime

from al_core.audit.audit_records import Certificate
from al_core.ledger.store import Round
from tasks.report.formatting import many, percent


def of_all(certificates: Sequence[Certificate]) -> str:
    """Return what a project has certified, a sentence or two; empty before the first look."""
    if not certificates:
        return ""
    together = f"all that is certified holds with {1 - certificates[-1].spent_in_all:.1%} confidence"
    made = [c for c in certificates if c.accepted]
    told = "; ".join(of_one(c) for c in made) if made else "nothing is certified"
    return f"{told[0].upper()}{told[1:]}. {many(len(certificates), 'look')} so far, and {together}."


def of_one(certificate: Certificate) -> str:
    """Return what one look certifies: ``412 masks of round 1 are accepted, at most 5 % of them with an IoU ...``."""
    c = certificate
    if not c.accepted:
        return f"look {c.number}, at {c.masks:,} {c.kind} of round {c.round_id}, certifies nothing"
    if c.kind == "frames":
        bound = max(one.bound for one in c.accepted)
        return f"at most {percent(bound)} of {many(c.accepted_masks, 'frame')} of round {c.round_id} lack an object"
    return (
        f"{c.accepted_masks:,} of {many(c.masks, 'mask')} of round {c.round_id} are accepted, at most "
        f"{percent(c.error)} of them with an IoU below {c.iou:g} ({grade_in_words(c)})"
    )


def grade_in_words(certificate: Certificate) -> str:
    """Say whose answers decided."""
    c = certificate
    judged = "judged, and corrected for what judges let pass" if c.corrected else "judged"
    return f"{'measured' if c.grade == 'measured' else judged}, {c.failed} of {c.audited} bad"


def looks_during(certificates: Sequence[Certificate], this: Round) -> list[Certificate]:
    """Return the looks that were taken while a round was under way."""
    began = this.started_at.replace(microsecond=0)
    ended = datetime.max if this.finished_at is None else this.finished_at
    return [c for c in certificates if began <= datetime.fromisoformat(c.made_at) <= ended]
