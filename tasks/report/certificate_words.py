"""Certificates as people read them: what is accepted, at which bound, and with which confidence all of them hold."""

from collections.abc import Sequence
from datetime import datetime

from al_core.audit.audit_records import Certificate
from al_core.ledger.store import Round
from tasks.languages.phrases import counted, numeral, t
from tasks.report.formatting import percent


def of_all(certificates: Sequence[Certificate]) -> str:
    """Return what a project has certified, a sentence or two; empty before the first look."""
    if not certificates:
        return ""
    made = [c for c in certificates if c.accepted]
    told = "; ".join(of_one(c) for c in made) if made else t("nothing is certified")
    together = counted(
        len(certificates),
        "{n} look so far, and all that is certified holds with {confidence} confidence.",
        "{n} looks so far, and all that is certified holds with {confidence} confidence.",
        confidence=numeral(1 - certificates[-1].spent_in_all, ".1%"),
    )
    return f"{told[0].upper()}{told[1:]}. {together}"


def of_one(certificate: Certificate) -> str:
    """Return what one look certifies: ``412 masks of round 1 are accepted, at most 5 % of them with an IoU ...``."""
    c = certificate
    if not c.accepted:
        look = "look {n}, at {masks} {kind} of round {round}, certifies nothing"
        return t(look, n=c.number, masks=numeral(c.masks, ","), kind=t(c.kind), round=c.round_id)
    if c.kind == "frames":
        return counted(
            c.accepted_masks,
            "at most {share} of {n} frame of round {round} lack an object",
            "at most {share} of {n} frames of round {round} lack an object",
            share=percent(max(one.bound for one in c.accepted)),
            round=c.round_id,
        )
    return counted(
        c.masks,
        "{accepted} of {n} mask of round {round} are accepted, at most {share} of them with an IoU below {iou} ({how})",
        "{accepted} of {n} masks of round {round} are accepted, at most {share} of them with an IoU below {iou} "
        "({how})",
        accepted=numeral(c.accepted_masks, ","),
        round=c.round_id,
        share=percent(c.error),
        iou=numeral(c.iou, "g"),
        how=grade_in_words(c),
    )


def grade_in_words(certificate: Certificate) -> str:
    """Say whose answers decided."""
    c = certificate
    judged = t("judged, and corrected for what judges let pass") if c.corrected else t("judged")
    bad = t("{n} of {all} bad", n=c.failed, all=c.audited)
    return f"{t('measured') if c.grade == 'measured' else judged}, {bad}"


def looks_during(certificates: Sequence[Certificate], this: Round) -> list[Certificate]:
    """Return the looks that were taken while a round was under way."""
    began = this.started_at.replace(microsecond=0)
    ended = datetime.max if this.finished_at is None else this.finished_at
    return [c for c in certificates if began <= datetime.fromisoformat(c.made_at) <= ended]
