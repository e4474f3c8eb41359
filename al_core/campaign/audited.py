"""Which campaigns are audited, how many questions a delivery is asked about, and what that costs people.

A delivery that the next round replaces is asked about for a share of what that round's labels cost. One that counts is
asked about in full: the last one of a campaign, each one with which a target of quality may be reached, and each one
where rounds certify.
"""

from dataclasses import dataclass
from statistics import NormalDist

from al_core.campaign.pricing import label_seconds
from al_core.records import LabelKind
from al_core.settings import Settings

ASKED_BY = frozenset({"page", "simulated"})
"""Back-ends that can ask whether a mask is good enough."""

NORMAL, TAIL = NormalDist(), 0.025
"""A 95 % interval is missed on each side with this probability."""

FEWEST = 5
"""Fewer judgements than this say nothing: rather none are asked for."""


@dataclass(frozen=True, slots=True)
class AuditSize:
    """How many masks of a delivery are judged, how many drawn from nothing, and how many frames looked through."""

    judged: int = 0
    blind: int = 0
    frames: int = 0

    def __bool__(self) -> bool:
        """Tell whether anything is asked."""
        return bool(self.judged or self.blind or self.frames)

    def seconds(self, settings: Settings, n_objects: float = 1) -> float:
        """Return the human seconds that this is expected to take.

        Args:
            n_objects: in a frame that is drawn from nothing.
        """
        audit, drawing = settings.audit, n_objects * label_seconds(settings.annotator, LabelKind.MASK)
        # What is drawn from nothing is judged too.
        judging = (self.judged + self.blind) * audit.judge_seconds
        return judging + self.frames * audit.look_seconds + self.blind * drawing


def is_audited(settings: Settings) -> bool:
    """Tell whether people are asked about what rounds with these settings deliver."""
    backend = settings.annotator.backend
    if backend not in ASKED_BY or (backend == "simulated" and not settings.audit.simulated):
        return False
    return bool(full_size(settings))


def masks_to_judge(settings: Settings) -> int:
    """Return how many masks of a delivery that counts people judge: as many as certificates take, where rounds
    certify."""
    certificates = settings.certificates
    return max(settings.audit.judged, certificates.judged if certificates.automatic else 0)


def full_size(settings: Settings) -> AuditSize:
    """Return what is asked about a delivery that counts."""
    return AuditSize(masks_to_judge(settings), settings.audit.blind, settings.audit.frames)


def size_of(
    settings: Settings, round_seconds: float, n_objects: float = 1, known: AuditSize | None = None, counts: bool = False
) -> AuditSize:
    """Return what is asked about a delivery, together with what is known of it already.

    What is new costs at most ``audit.share`` of the labels of the round that replaces it, unless the delivery counts.

    Args:
        round_seconds: human seconds that these labels are expected to take.
        n_objects: in a frame.
        known: how many answers to earlier questions are about masks that this delivery still has, as expected.
        counts: whether it is the last delivery, or its quality may end the campaign.
    """
    if not is_audited(settings):
        return AuditSize()
    full, known = full_size(settings), known or AuditSize()
    if counts:
        return full
    part = min(settings.audit.share * round_seconds / max(full.seconds(settings, n_objects), 1e-9), 1.0)
    sizes = zip((full.judged, full.blind, full.frames), (known.judged, known.blind, known.frames), strict=True)
    new = AuditSize(*(min(int(part * most), max(most - had, 0)) for most, had in sizes))
    if new.judged + known.judged < min(FEWEST, full.judged):
        return AuditSize()
    return AuditSize(new.judged + known.judged, new.blind + known.blind, new.frames + known.frames)


def further_down(confidence: float) -> float:
    """Return how many times as far below an estimate as its 95 % interval a bound of this confidence lies, at least 1.

    The lower end of a 95 % interval, which is missed with probability .025 at most, serves up to a confidence of .975;
    beyond that the bound goes further down, as a normal tail does.

    Args:
        confidence: in [.5, 1).
    """
    return NORMAL.inv_cdf(max(confidence, 1 - TAIL)) / NORMAL.inv_cdf(1 - TAIL)


def most_assured(settings: Settings, n_masks: int = 0) -> float:
    """Return the largest ``stopping.target_quality`` that the audit of a delivery could ever assure, in [0, 1]: where
    every answer says that all is right.

    Args:
        n_masks: that are delivered, about; 0 for very many.
    """
    n, others = _answers(settings), _unknown(settings, n_masks)
    if not n or not is_audited(settings):
        return 0.0
    # The drawn ones are known, and all of them right: the bound of Clopper and Pearson speaks of the others.
    return max(1 - others * (1 - TAIL ** (1 / n)) * further_down(settings.stopping.target_confidence), 0.0)


def value_needed(settings: Settings, n_masks: int = 0) -> float:
    """Return the estimate from which on the audit of a delivery assures ``stopping.target_quality``, about, in [0, 1].

    By the score test with a correction for continuity (Wilson, JASA 1927), which is close to the interval that is used.

    Args:
        n_masks: as of :func:`most_assured`.
    """
    target, n, others = settings.stopping.target_quality, max(_answers(settings), 1), _unknown(settings, n_masks)
    reach = NORMAL.inv_cdf(1 - TAIL) * further_down(settings.stopping.target_confidence)
    return min(target + others * (reach * (target * (1 - target) / n) ** 0.5 + 0.5 / n), 1 - 0.25 / n)


def _answers(settings: Settings) -> int:
    """Return how many answers to a full audit the target rests on."""
    full = full_size(settings)
    return full.blind if settings.stopping.target_metric != "good" else max(full.judged, full.blind)


def _unknown(settings: Settings, n_masks: int) -> float:
    """Return what is left of an interval where so many masks are there: the drawn ones are known."""
    return max(1 - _answers(settings) / n_masks, 0.0) ** 0.5 if n_masks else 1.0
