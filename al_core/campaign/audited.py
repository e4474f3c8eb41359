"""Which campaigns are audited, and what the audit of a delivery costs people."""

from al_core.campaign.pricing import label_seconds
from al_core.records import LabelKind
from al_core.settings import Settings

ASKED_BY = frozenset({"page", "simulated"})
"""Back-ends that can ask whether a mask is good enough."""


def is_audited(settings: Settings) -> bool:
    """Tell whether people are asked about what rounds with these settings deliver."""
    audit, backend = settings.audit, settings.annotator.backend
    if backend not in ASKED_BY or (backend == "simulated" and not audit.simulated):
        return False
    return bool(audit.judged or audit.blind or audit.frames)


def audit_seconds(settings: Settings, n_objects: int = 1) -> float:
    """Return the human seconds that the audit of one delivery is expected to take, at most; 0 without one.

    Args:
        n_objects: in a frame that is drawn from nothing.
    """
    if not is_audited(settings):
        return 0.0
    audit = settings.audit
    drawn = audit.blind * label_seconds(settings.annotator, LabelKind.MASK, n_objects)
    # What is drawn from nothing is judged too.
    return (audit.judged + audit.blind) * audit.judge_seconds + audit.frames * audit.look_seconds + drawn
