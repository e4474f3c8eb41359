"""The loosest threshold of confidence above which a bound on the error holds, whatever confidence is worth.

Thresholds are tested from strict to loose, each at the full risk, until one fails (fixed-sequence testing: Maurer,
Hothorn, Lehmacher 1995; "Learn then Test", Angelopoulos et al. 2021). Which thresholds, and where the sequence begins,
follows from confidences alone, never from an answer. Categories that are certified for themselves share the risk
equally, and one whose sequence was passed to its end leaves its share to the others (Bretz et al.: "A graphical
approach to sequentially rejective multiple test procedures", Statistics in Medicine 2009; with one threshold each it is
Holm's procedure).

Whoever looks often enough finds what he wants. So each look at answers has a number and gets a share of the project's
risk: look k gets 1/(k (k + 1)) of it, half of it first, then a sixth, a twelfth, and so on; all shares together are
the whole. By the union bound all certificates hold at once with the confidence that was asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from al_core.audit.audit_records import Accepted, AuditAnswer, AuditSample, Grade, JudgeQuality, Population, UnitKey
from al_core.audit.failure_tail import Design, answers_needed, least_claimed
from al_core.audit.judging import noticed_at_least
from al_core.errors import BadAudit

STEPS = 20
"""Thresholds that are tested at most, for each category."""

JUDGES_RISK = 0.2
"""Share of the risk that the bound on what judges notice takes, where judgements are corrected."""


def risk_of_look(number: int, confidence: float) -> float:
    """Return the probability of being wrong that look ``number``, from 1, may have.

    Raises:
        BadAudit: a confidence that is not at least 0.5 and below 1.
    """
    if number < 1:
        raise ValueError(f"looks are counted from 1, got {number}")
    if not 0.5 <= confidence < 1:
        raise BadAudit(f"the confidence of a certificate is at least 0.5 and below 1, got {confidence:g}")
    return (1 - confidence) / (number * (number + 1))


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be certified.

    Attributes:
        iou: overlap from which a mask is good enough.
        error: largest share of accepted masks that may be worse, between 0 and 1.
        risk: probability of claiming it wrongly.
        grade: whose answers decide.
        by_category: a threshold for each category, so that the bound holds for each.
        judges: where given, judgements are corrected for the bad masks that these people let pass.
    """

    iou: float
    error: float
    risk: float
    grade: Grade
    by_category: bool = False
    judges: tuple[JudgeQuality, ...] | None = None

    def __post_init__(self) -> None:
        if not (0 < self.iou < 1 and 0 < self.error < 1 and 0 < self.risk < 1):
            raise BadAudit(
                "IoU, error and risk of a certificate lie between 0 and 1, got "
                f"{self.iou:g}, {self.error:g} and {self.risk:g}"
            )
        if self.judges is not None and self.grade is not Grade.JUDGED:
            raise BadAudit("only judgements are corrected for what judges let pass, not masks that were measured")

    @property
    def noticed(self) -> float:
        """Share of bad masks that judges refuse at least; 1 where judgements are taken as they are."""
        return 1.0 if self.judges is None else noticed_at_least(self.judges, JUDGES_RISK * self.risk)

    @property
    def test_risk(self) -> float:
        """The part of the risk that is left for the tests."""
        return self.risk if self.judges is None else (1 - JUDGES_RISK) * self.risk


@dataclass(frozen=True, slots=True)
class Decision:
    """What came of testing a claim.

    Attributes:
        audited, failed: drawn masks, and how many of them are not good enough or have no answer.
        unanswered: of them without an answer.
        needed: how many masks have to be drawn to accept all of them, if as few fail as did now; None if no number
            is enough.
    """

    accepted: tuple[Accepted, ...]
    audited: int
    failed: int
    unanswered: int
    needed: int | None


def certify(
    population: Population,
    samples: Sequence[AuditSample],
    answers: Mapping[UnitKey, AuditAnswer],
    claim: Claim,
) -> Decision:
    """Find the masks of a delivery for which a claim holds, by the answers to audit samples of it.

    A drawn mask without an answer counts as a failure, so that it pays nobody to leave the hard ones out.

    Args:
        samples: draws from this delivery; their sizes were fixed before any answer to them was known.
        answers: by unit.

    Raises:
        BadAudit: no sample, one of another delivery, or judges that were asked about another IoU.
    """
    if not samples:
        raise BadAudit(f"nobody was asked to audit round {population.round_id}: draw an audit sample first")
    for sample in samples:
        if claim.grade is Grade.JUDGED and sample.iou != claim.iou:
            raise BadAudit(
                f"people judged masks of round {sample.round_id} at an IoU of {sample.iou:g}, and {claim.iou:g} is to "
                f"be certified: ask for {sample.iou:g}, or draw a new sample"
            )
    audit = _Audit.of(population, samples, answers, claim)
    found = _passed(population, audit, claim)
    failed = int(audit.failed.sum())
    needed = answers_needed(len(population), claim.error, claim.test_risk, failed, claim.noticed)
    return Decision(found, len(audit.rows), failed, audit.unanswered, needed)


@dataclass(frozen=True, eq=False)
class _Audit:
    """Drawn masks: position in the population int64 [n], whether each failed, bool [n], and how they were drawn."""

    rows: NDArray[np.int64]
    failed: NDArray[np.bool_]
    unanswered: int
    design: Design

    @classmethod
    def of(
        cls,
        population: Population,
        samples: Sequence[AuditSample],
        answers: Mapping[UnitKey, AuditAnswer],
        claim: Claim,
    ) -> "_Audit":
        """Read what was said of the drawn masks."""
        units = [unit for sample in samples for unit in sample.of(claim.grade)]
        said = [answers.get(unit.key) for unit in units]
        failed = np.array([answer is None or not answer.is_good(claim.iou) for answer in said], bool)
        design = Design(len(population), len(units), len(samples), claim.noticed)
        return cls(population.rows_of(units), failed, said.count(None), design)


@dataclass(frozen=True, eq=False)
class _Sequence:
    """Masks of a category (None for all together), bool [N], and the thresholds to test, from strict to loose."""

    category_id: int | None
    members: NDArray[np.bool_]
    thresholds: tuple[float, ...]

    def last_passed(self, population: Population, audit: _Audit, error: float, risk: float) -> int:
        """Return how many of the thresholds passed, until the first that did not."""
        for number, threshold in enumerate(self.thresholds):
            _, failed, masks = self.counts(population, audit, threshold)
            if audit.design.tail(failed, least_claimed(masks, error)) > risk:
                return number
        return len(self.thresholds)

    def counts(self, population: Population, audit: _Audit, threshold: float) -> tuple[int, int, int]:
        """Return how many masks were drawn, failed and are there above a threshold."""
        accepted = self.members & (population.confidence >= threshold)
        drawn = accepted[audit.rows]
        return int(drawn.sum()), int(audit.failed[drawn].sum()), int(accepted.sum())


def _passed(population: Population, audit: _Audit, claim: Claim) -> tuple[Accepted, ...]:
    """Return what each category (None for all) is accepted with; risk moves from those that passed to the others."""
    sequences = _sequences(population, audit.design, claim)
    waiting = list(sequences)
    passed: dict[int | None, int] = {}
    while waiting:
        risk = claim.test_risk / len(waiting)
        passed |= {s.category_id: s.last_passed(population, audit, claim.error, risk) for s in waiting}
        done = [s for s in waiting if passed[s.category_id] == len(s.thresholds)]
        if not done:
            break
        waiting = [s for s in waiting if s not in done]
    found = []
    for sequence in sequences:
        if number := passed[sequence.category_id]:
            threshold = sequence.thresholds[number - 1]
            drawn, failed, masks = sequence.counts(population, audit, threshold)
            found.append(Accepted(sequence.category_id, threshold, masks, drawn, failed, claim.error))
    return tuple(found)


def _sequences(population: Population, design: Design, claim: Claim) -> list[_Sequence]:
    """Return what is tested of each category; one with too few masks to certify any leaves its risk to the others."""
    groups: list[int | None] = [int(c) for c in np.unique(population.category_id)] if claim.by_category else [None]
    while True:
        risk, found = claim.test_risk / max(len(groups), 1), []
        for group in groups:
            members = np.ones(len(population), bool) if group is None else population.category_id == group
            found.append(_Sequence(group, members, thresholds(population.confidence[members], design, claim, risk)))
        testable = [s.category_id for s in found if s.thresholds]
        if len(testable) == len(groups):
            return found
        groups = testable


def thresholds(confidence: NDArray[np.float64], design: Design, claim: Claim, risk: float) -> tuple[float, ...]:
    """Return the thresholds that are tested, from strict to loose; which ones follows from confidences alone.

    The first accepts as few masks as could be certified if none of those drawn from them failed.

    Args:
        confidence: float64 [N] of all masks of the category.
    """
    rising = np.sort(confidence)
    least = _fewest(len(rising), design, claim.error, risk)
    if least is None:
        return ()
    sizes = np.linspace(least, len(rising), STEPS).round().astype(int)
    return tuple(np.unique(rising[len(rising) - sizes]).tolist()[::-1])


def _fewest(masks: int, design: Design, error: float, risk: float) -> int | None:
    """Return how many masks there must be so that no failure among those drawn is enough; None if all are too few."""

    def enough(size: int) -> bool:
        return design.tail(0, least_claimed(size, error)) <= risk

    if not masks or not enough(masks):
        return None
    low, high = 0, masks
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def certify_frames(
    population: Population,
    samples: Sequence[AuditSample],
    answers: Mapping[UnitKey, AuditAnswer],
    error: float,
    risk: float,
) -> Decision:
    """Test whether at most a share ``error`` of the frames lacks an object, by frames that people looked through.

    Frames have no confidence, so all of them are accepted or none; the arguments are those of :func:`certify`.
    """
    if not samples:
        raise BadAudit(f"nobody was asked to look through frames of round {population.round_id}: draw a sample first")
    units = [unit for sample in samples for unit in sample.of(Grade.JUDGED, whole_frames=True)]
    said = [answers.get(unit.key) for unit in units]
    failed = sum(answer is None or bool(answer.missed) for answer in said)
    n, frames = len(units), population.n_frames
    needed = answers_needed(frames, error, risk, failed)
    accepted: tuple[Accepted, ...] = ()
    design = Design(frames, n, len(samples))
    if design.tail(failed, least_claimed(frames, error)) <= risk:
        worst = design.most_failing(failed, frames, risk)
        accepted = (Accepted(None, 0.0, frames, n, failed, worst / frames),)
    return Decision(accepted, n, failed, said.count(None), needed)
