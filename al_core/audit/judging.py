"""What a person's judgements are worth: shown masks whose overlap with the truth is known, how often are they wrong?

Who answers which question is chance, not the mask. So where several people judged, a bad mask that was drawn is noticed
with the mean of what each of them notices, weighed by how many of the questions each answered: a careless judge counts
by what that person did, not by what the others would have done.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from scipy.special import betaincinv

from al_core.audit.audit_records import AuditAnswer, JudgeQuality


def judge_quality(answers: Iterable[AuditAnswer], iou: float) -> list[JudgeQuality]:
    """Compare each judgement with the overlap that was measured of the same mask, blind.

    Args:
        answers: of both grades; those of whole frames and those of masks with one grade only say nothing.
        iou: from which a mask is good enough; judges were asked the same.

    Returns:
        One entry a person, by name.
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
        counts[answer.person][2 if good else 0] += 1
        counts[answer.person][3 if good else 1] += good is not bool(answer.good)
    return [JudgeQuality(name, *counts[name]) for name in sorted(counts)]


def share_interval(hits: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a share (Clopper, Pearson: Biometrika 1934); 0 to 1 where nothing was seen."""
    tail = (1 - level) / 2
    return least_share(hits, of, tail), 1 - least_share(of - hits, of, tail)


def least_share(hits: int, of: int, alpha: float) -> float:
    """Return a bound that a share is at least, with probability 1 - ``alpha``: 0 without a hit."""
    return float(betaincinv(hits, of - hits + 1, alpha)) if hits else 0.0


def noticed_at_least(judges: Sequence[JudgeQuality], alpha: float) -> float:
    """Return a bound for the share of bad masks that some judges refuse, each counting by how much that person judged.

    Who was shown no mask that is known to be bad is taken to refuse none. The bounds of the others hold at once with
    probability 1 - ``alpha`` (Bonferroni).
    """
    counted = sum(judge.judged for judge in judges)
    known = [judge for judge in judges if judge.bad and judge.judged]
    each = [least_share(judge.bad - judge.bad_accepted, judge.bad, alpha / len(known)) for judge in known]
    return sum(judge.judged * least for judge, least in zip(known, each, strict=True)) / max(counted, 1)


def mask_of(answer: AuditAnswer) -> tuple[int, int, int]:
    """Return (video, frame, track) of what an answer is about."""
    key = answer.key
    return key.video_id, key.frame_idx, key.track_id
