"""What people answer to an audit on the page: a yes or no to a mask, or which objects have none."""

from al_core.errors import BadLabel
from al_core.ledger.campaign.audit_requests import AuditQuestion
from al_core.records import FrameLabel, Gesture, LabelKind
from tasks.auditing.missing_objects import MISSING, n_missing
from tasks.web.schemas import SubmitBody


def judgement(body: SubmitBody, asked: AuditQuestion) -> tuple[LabelKind, FrameLabel, tuple[Gesture, ...]]:
    """Return a judgement as the ledger keeps it: it labels nothing.

    Raises:
        BadLabel: it brings masks, is no yes or no, or says that objects are missing and points at none.
    """
    if body.masks or body.kind not in ("accept", "reject"):
        raise BadLabel('an audit asks for "accept" or "reject", without masks')
    made = body.made() or ()
    missing = n_missing(made)
    if asked.track_id and missing:
        raise BadLabel("an audit of one mask says nothing of objects that are missing")
    if not asked.track_id and bool(missing) != (body.kind == "reject"):
        raise BadLabel(f'a frame in which {missing} objects are missing was called "{body.kind}"')
    kept = made if asked.track_id else tuple(gesture for gesture in made if gesture.tool == MISSING)
    return LabelKind(body.kind), FrameLabel(asked.frame, (), complete=False), kept
