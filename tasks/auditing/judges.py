"""What the judgements of each person are worth, by all masks of a project that somebody drew blind."""

from al_core.audit.audit_records import JudgeQuality
from al_core.audit.judging import judge_quality, mask_of
from al_core.ledger.store import Ledger


def qualities_of_judges(ledger: Ledger, iou: float, as_of: int | None = None) -> dict[str, JudgeQuality]:
    """Return how the judgements of each person agree with what was measured, over all deliveries, by name.

    A judgement that holds for the next delivery too is one judgement.

    Args:
        iou: from which a mask is good enough.
        as_of: only the first so many answers of the project.
    """
    found: dict[str, JudgeQuality] = {}
    counted: set[str] = set()
    for this in ledger.rounds():
        said = ledger.audit_answers(this.round_id, as_of)
        measured = {mask_of(a) for a in said if a.good is None}
        mine = [a for a in said if a.good is None or a.answer_id not in counted]
        counted |= {a.answer_id for a in mine if a.good is not None and mask_of(a) in measured}
        for one in judge_quality(mine, iou):
            found[one.person] = found[one.person] + one if one.person in found else one
    return found
