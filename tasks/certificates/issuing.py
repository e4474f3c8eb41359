"""Certify what nobody looked at, and write down every look."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from al_core.audit.audit_records import (
    AuditAnswer,
    AuditSample,
    AuditUnit,
    Certificate,
    Grade,
    JudgeQuality,
    Population,
    UnitKey,
)
from al_core.audit.certifying import Claim, Decision, certify, certify_frames, risk_of_look
from al_core.audit.failure_tail import answers_needed
from al_core.audit.judging import share_interval
from al_core.errors import BadAudit, NotReady
from al_core.fingerprint import fingerprint
from al_core.ledger.store import Ledger
from al_core.project import Project
from tasks.auditing.judges import qualities_of_judges
from tasks.auditing.round_estimates import take_in_answers
from tasks.certificates.delivered_population import population_of
from tasks.steps.context import hashes_of

MASKS, FRAMES = "masks", "frames"
"""Kinds of certificates."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants certified.

    Attributes:
        kind: "masks", or "frames" for missed objects.
        error: largest share that may be bad.
        confidence: over all certificates of the project together.
        corrected: correct judgements for the bad masks that judges let pass.
        unanswered: count drawn units without an answer as bad, instead of waiting for them.
    """

    kind: str = MASKS
    round_id: int | None = None
    grade: Grade = Grade.JUDGED
    iou: float = 0.75
    error: float = 0.05
    confidence: float = 0.95
    by_category: bool = False
    corrected: bool = False
    unanswered: bool = False


@dataclass(frozen=True, eq=False)
class Look:
    """What a certificate is decided on, before anybody looks at an answer.

    Attributes:
        number: of the look, over the whole project.
        risk: what it may spend.
        samples: the newest draw of the delivery, unless a look was decided on it.
        units: the drawn units that count.
    """

    wish: Wish
    number: int
    risk: float
    population: Population
    samples: tuple[AuditSample, ...]
    units: tuple[AuditUnit, ...]

    @property
    def size(self) -> int:
        """How many masks or frames there are."""
        return len(self.population) if self.wish.kind == MASKS else self.population.n_frames

    def needed(self, failures: int = 0) -> int | None:
        """Return how many answers it takes to certify everything with so many failures."""
        return answers_needed(self.size, self.wish.error, self.risk, failures)


def prepare(project: Project, ledger: Ledger, wish: Wish) -> Look:
    """Gather what a certificate would be decided on; no answer is looked at, and nothing is spent.

    Raises:
        NotReady: nothing was delivered.
        BadAudit: no sample of this delivery is left that no look was decided on, or one of another delivery.
    """
    if wish.corrected and (wish.kind != MASKS or wish.grade is not Grade.JUDGED):
        raise BadAudit("only judgements of masks are corrected for what judges let pass: use --grade judged")
    population = population_of(project, ledger, wish.round_id)
    looks = ledger.certificates()
    drawn = [s for s in ledger.audit_samples(population.round_id) if s.of(wish.grade, wish.kind == FRAMES)]
    # Earlier draws may have had a say in how many were drawn later.
    samples = [s for s in drawn[-1:] if s.draw not in _used(looks, population, wish)]
    for sample in samples:
        if sample.population != population.digest:
            raise BadAudit(
                f"round {sample.round_id} was delivered anew after audit sample {sample.draw} was drawn: nothing can "
                "be certified by it; draw a new one"
            )
    number = len(looks) + 1
    units = [u for sample in samples for u in sample.of(wish.grade, wish.kind == FRAMES)]
    return Look(wish, number, risk_of_look(number, wish.confidence), population, tuple(samples), tuple(units))


def issue(project: Project, ledger: Ledger, wish: Wish) -> Certificate:
    """Decide on a certificate by the answers that are there, and store it; a look that certifies nothing is stored too.

    Answers decide once: whoever asks again for the same delivery needs new ones, and each look spends of the
    confidence that all certificates of the project share.

    Raises:
        NotReady: too few units were drawn to certify anything, or answers are missing; nothing is spent.
        BadAudit: see :func:`prepare`.
        LedgerConflict: somebody else asked for a certificate at the same time.
    """
    look = prepare(project, ledger, wish)
    _refuse_too_few(look)
    take_in_answers(project, ledger, look.population.round_id)
    answers = {a.key: a for a in ledger.audit_answers(look.population.round_id)}
    so_far = ledger.audit_answers_so_far()
    missing = sum(unit.key not in answers for unit in look.units)
    if missing and not wish.unanswered:
        raise NotReady(
            f"{missing} of {len(look.units)} drawn {wish.kind} have no answer yet, nothing was looked at: wait for "
            "them, or count them as bad with --unanswered"
        )
    judges = judges_of(ledger, look, answers)
    if wish.corrected:
        _refuse_unknown_judges(look, judges)
    delivered = hashes_of(project, ledger.delivered_paths(look.population.round_id))
    made = certificate_of(look, answers, judges, so_far, delivered, spent_in(ledger.certificates()))
    ledger.put_certificate(made)
    return made


def certificate_of(
    look: Look,
    answers: Mapping[UnitKey, AuditAnswer],
    judges: tuple[JudgeQuality, ...],
    so_far: int,
    delivered: Mapping[str, str],
    spent_before: float,
    made_at: str = "",
    decision: Decision | None = None,
) -> Certificate:
    """Return the certificate that answers lead to; the same look and answers lead to the same.

    Args:
        judges: what is known of each person who judged.
        so_far: answers to audits that the project had.
        delivered: hash of each video's file.
        spent_before: probability of being wrong that all looks before were given.
        made_at: UTC; empty for now.
        decision: what was decided; None to decide by the answers.
    """
    wish, population = look.wish, look.population
    decision = decide(look, answers, judges) if decision is None else decision
    used = [answers[unit.key] for unit in look.units if unit.key in answers]
    failed = [u for u in look.units if u.key not in answers or not _is_good(answers[u.key], wish)]
    accepted_from = {a.category_id: a.confidence for a in decision.accepted}
    excluded = [
        (u.frame.video_id, u.frame.frame_idx, u.track_id)
        for u in failed
        if not u.whole_frame and u.confidence >= accepted_from.get(u.category_id, accepted_from.get(None, 2.0))
    ]
    return Certificate(
        *(wish.kind, look.number, population.round_id),
        made_at or datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds"),
        grade=wish.grade,
        iou=wish.iou,
        error=wish.error,
        confidence=wish.confidence,
        spent=look.risk,
        spent_in_all=spent_before + look.risk,
        population=population.digest,
        delivered=dict(delivered),
        masks=look.size,
        draws=tuple(s.draw for s in look.samples),
        seeds=tuple(s.seed for s in look.samples),
        answers=digest_of(used, judges),
        answers_so_far=so_far,
        audited=decision.audited,
        failed=decision.failed,
        unanswered=decision.unanswered,
        accepted=decision.accepted,
        people=tuple(sorted({a.person for a in used})),
        judges=judges,
        corrected=wish.corrected,
        by_category=wish.by_category,
        not_covered=tuple(_not_covered(wish, judges)),
        excluded=tuple(sorted(excluded)),
    )


def decide(look: Look, answers: Mapping[UnitKey, AuditAnswer], judges: tuple[JudgeQuality, ...]) -> Decision:
    """Return what answers certify."""
    wish = look.wish
    if wish.kind == FRAMES:
        return certify_frames(look.population, look.samples, answers, wish.error, look.risk)
    claim = Claim(
        wish.iou, wish.error, look.risk, wish.grade, wish.by_category, judges=judges if wish.corrected else None
    )
    return certify(look.population, look.samples, answers, claim)


def judges_of(
    ledger: Ledger, look: Look, answers: Mapping[UnitKey, AuditAnswer], as_of: int | None = None
) -> tuple[JudgeQuality, ...]:
    """Return what each person who judged is worth, by all masks of the project that were drawn blind too."""
    if look.wish.kind == FRAMES or look.wish.grade is not Grade.JUDGED:
        return ()
    judged = Counter(answers[u.key].person for u in look.units if u.key in answers)
    known = qualities_of_judges(ledger, look.wish.iou, as_of)
    nothing = JudgeQuality("", 0, 0, 0, 0)
    return tuple(replace(known.get(name, nothing), person=name, judged=count) for name, count in sorted(judged.items()))


def spent_in(looks: Sequence[Certificate]) -> float:
    """Return the probability of being wrong that some looks were given together."""
    return sum(look.spent for look in looks)


def digest_of(answers: Sequence[AuditAnswer], judges: Sequence[JudgeQuality]) -> str:
    """Return the SHA-256 (64 hex digits) of what a certificate is decided on."""
    told = sorted(
        [
            a.key.video_id,
            a.key.frame_idx,
            a.key.track_id,
            a.key.grade.value,
            a.person,
            a.answer_id,
            a.good,
            a.j,
            a.missed,
        ]
        for a in answers
    )
    return fingerprint([told, [asdict(judge) for judge in judges]])


def _used(looks: Sequence[Certificate], population: Population, wish: Wish) -> set[int]:
    """Return the draws of a delivery that a look of this kind was decided on."""
    mine = (population.round_id, wish.kind, wish.grade)
    return {draw for look in looks if (look.round_id, look.kind, look.grade) == mine for draw in look.draws}


def _refuse_too_few(look: Look) -> None:
    needed, drawn, wish = look.needed(), len(look.units), look.wish
    if needed is None:
        raise too_small(look)
    if drawn < needed:
        raise NotReady(
            f"{drawn} {wish.kind} are drawn that no certificate was decided on, and an error of {wish.error:g} needs "
            f"{needed} without a failure ({_more(look)}); nothing was looked at and nothing is spent: draw and ask for "
            "as many with fewframes certify --ask 0, or for enough for one or two bad ones with --ask 1 or 2"
        )


def too_small(look: Look) -> NotReady:
    """Return what is said where no sample is enough."""
    return NotReady(
        f"round {look.population.round_id} delivered {look.size} {look.wish.kind}, too few to bound their error by "
        f"{look.wish.error:g} from a sample; look at all of them"
    )


def _more(look: Look) -> str:
    """Return how many answers failures cost, in words."""
    counts = [(k, look.needed(k)) for k in (1, 2, 3)]
    return ", ".join(f"{n} with {k}" for k, n in counts if n is not None)


def _is_good(answer: AuditAnswer, wish: Wish) -> bool:
    return not answer.missed if answer.missed is not None else answer.is_good(wish.iou)


def _not_covered(wish: Wish, judges: Sequence[JudgeQuality]) -> list[str]:
    """Return what a certificate says nothing of, a sentence each."""
    told = [
        "Videos that are added later, and what later rounds deliver, are not covered; frozen masks stay as they are.",
        "Masks that people drew are not part of it."
        if wish.kind == MASKS
        else "It says nothing of how good the masks are that are there.",
    ]
    if wish.kind == MASKS:
        told.append("Objects that were missed are not part of it: certify frames for that.")
    if wish.kind == MASKS and wish.grade is Grade.JUDGED and not wish.corrected:
        told.append(f"It certifies what people judged, not what was measured: {_judges_in_words(judges)}.")
    return told


def _judges_in_words(judges: Sequence[JudgeQuality]) -> str:
    return "; ".join(_judge_in_words(judge) for judge in judges) or "nobody judged"


def _judge_in_words(judge: JudgeQuality) -> str:
    if not judge.bad:
        return (
            f"nothing is known of how many bad masks {judge.person} lets pass, who judged {judge.judged}: no bad one "
            "among them was drawn blind"
        )
    low, high = share_interval(judge.bad_accepted, judge.bad)
    return (
        f"{judge.person}, who judged {judge.judged}, let {judge.bad_accepted} of {judge.bad} masks pass that are known "
        f"to be bad ({100 * low:.0f} % to {100 * high:.0f} % with 95 % confidence)"
    )


def _refuse_unknown_judges(look: Look, judges: tuple[JudgeQuality, ...]) -> None:
    """Refuse judges of whom so little is known that not even a sample without a bad mask would be enough.

    Raises:
        NotReady: nothing is spent.
    """
    claim = Claim(look.wish.iou, look.wish.error, look.risk, look.wish.grade, judges=judges)
    needed = answers_needed(look.size, claim.error, claim.test_risk, noticed=claim.noticed) if claim.noticed else None
    if needed is None or needed > len(look.units):
        raise NotReady(
            f"too little is known of the judges to correct for what they let pass: {_judges_in_words(judges)}; nothing "
            "was decided and nothing is spent: ask for more masks to be drawn blind with fewframes certificate draw "
            "--blind, or certify judgements, without --corrected"
        )
