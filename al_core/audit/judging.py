"""What a person's judgements are worth: shown masks whose overlap with the truth is known, how often are they wrong?"""

from collections import defaultdict
from collections.abc import Iterable

from scipy.special import betaincinv

from al_core.audit.audit_records import AuditAnswer, JudgeQuality

EVERYBODY = "all"
"""Stands for the name where people are told together."""


def judge_quality(answers: Iterable[AuditAnswer], iou: float) -> list[JudgeQuality]:
    """Compare each judgement with the overlap that was measured of the same mask, blind.

    Args:
        answers: of both grades; those of whole frames and those of masks with one grade only say nothing.
        iou: from which a mask is good enough; judges were asked the same.

    Returns:
        One entry a person, by name; then all of them together, where there is anybody.
    """
    measured: dict[tuple[int, int, int], AuditAnswer] = {}
    judged: list[AuditAnswer] = []
    for answer in answers:
        if answer.good is not None:
            judged.append(answer)
        elif answer.j is not None:
            measured[mask_of(answer)] = answer
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for answer in judged:
        known = measured.get(mask_of(answer))
        if known is None:
            continue
        good = known.is_good(iou)
        for name in (answer.person, EVERYBODY):
            counts[name][2 if good else 0] += 1
            counts[name][3 if good else 1] += good is not bool(answer.good)
    names = sorted(counts.keys() - {EVERYBODY})
    return [JudgeQuality(name, *counts[name]) for name in [*names, *([EVERYBODY] if names else [])]]


def share_interval(hits: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a share (Clopper, Pearson: Biometrika 1934); 0 to 1 where nothing was seen."""
    tail = (1 - level) / 2
    return least_share(hits, of, tail), 1 - least_share(of - hits, of, tail)


def least_share(hits: int, of: int, alpha: float) -> float:
    """Return a bound that a share is at least, with probability 1 - ``alpha``: 0 without a hit."""
    return float(betaincinv(hits, of - hits + 1, alpha)) if hits else 0.0


def noticed_at_least(judges: JudgeQuality | None, alpha: float) -> float:
    """Return a bound for the share of bad masks that judges refuse; 0 where they were shown none."""
    return 0.0 if judges is None else least_share(judges.bad - judges.bad_accepted, judges.bad, alpha)


def mask_of(answer: AuditAnswer) -> tuple[int, int, int]:
    """Return (video, frame, track) of what an answer is about."""
    key = answer.key
    return key.video_id, key.frame_idx, key.track_id
