"""Draw another audit sample of a delivery and ask people, unless that would be a look that nobody counts."""

import numpy as np

from al_core.audit.audit_records import AuditSample, Certificate, Grade, Population
from al_core.audit.audit_sample import BLIND, FRAMES, JUDGED, draw_sample
from al_core.audit.certifying import Decision
from al_core.audit.failure_tail import answers_needed
from al_core.errors import BadAudit
from al_core.ledger.store import Ledger
from al_core.project import Project
from tasks.auditing.round_estimates import take_in_answers
from tasks.auditing.samples import store_sample
from tasks.auditing.simulated_judge import answer_audit
from tasks.certificates.delivered_population import population_of, seed_of_draws
from tasks.certificates.issuing import FRAMES as FRAME_KIND
from tasks.certificates.issuing import MASKS, Look, Wish, certificate_of, prepare, spent_in, too_small
from tasks.steps.context import RoundContext, hashes_of

LARGEST_ERROR = 0.1
"""Answers that cannot even bound the error by this decide nothing, and may be left alone."""

KINDS = ((MASKS, Grade.JUDGED), (MASKS, Grade.MEASURED), (FRAME_KIND, Grade.JUDGED))
"""What certificates are decided on."""


def draw_audit(
    project: Project,
    ledger: Ledger,
    *,
    seed: int,
    round_id: int | None = None,
    judged: int = JUDGED,
    blind: int = BLIND,
    frames: int = FRAMES,
    iou: float = 0.75,
    give_up: bool = False,
) -> AuditSample:
    """Draw the next audit sample of a round's delivery, store it and ask people at our page for it.

    A certificate is decided on the newest draw alone, so that answers never say how many are drawn. Answers to an
    earlier one that could have decided something are decided on first, or given up, which counts as a look.

    Args:
        give_up: give answers up that no certificate was decided on.

    The other arguments are those of :func:`al_core.audit.audit_sample.draw_sample`.

    Raises:
        BadAudit: answers to the draw before are known, are enough for an error of 10 %, and decided nothing yet.
    """
    population = population_of(project, ledger, round_id)
    take_in_answers(project, ledger, population.round_id)
    for (kind, grade), wanted in zip(KINDS, (judged, blind, frames), strict=True):
        look = _answered(project, ledger, population, Wish(kind, population.round_id, grade)) if wanted else None
        if look is None:
            continue
        if not give_up:
            raise BadAudit(
                f"answers to {len(look.units)} drawn {kind} ({grade}) of round {population.round_id} are known, and no "
                "certificate was decided on them: to draw anew because of them would be a look that nobody counts; "
                "decide on them with fewframes certify, or give them up with --give-up, which counts as a look"
            )
        ledger.put_certificate(given_up(project, ledger, look))
    draw = len(ledger.audit_samples(population.round_id)) + 1
    seed = seed_of_draws(ledger, seed)
    sample = draw_sample(population, seed=seed, judged=judged, blind=blind, frames=frames, iou=iou, draw=draw)
    store_sample(ledger, sample, np.random.default_rng([seed, population.round_id, 2, draw]))
    context = RoundContext(project, ledger, population.round_id)
    if context.settings.annotator.backend == "simulated" and context.settings.audit.simulated:
        answer_audit(context, sample)
    return sample


def ask_for(project: Project, ledger: Ledger, wish: Wish, bad: int, seed: int) -> AuditSample:
    """Draw and ask for exactly as many answers as a certificate of everything takes, with so many bad ones among them.

    Raises:
        NotReady: what was delivered is too little to certify anything by a sample.
        BadAudit: the newest draw is as large already; or see :func:`draw_audit`.
    """
    look = prepare(project, ledger, wish)
    needed = look.needed(bad)
    if needed is None:
        raise too_small(look)
    if len(look.units) >= needed:
        raise BadAudit(
            f"{len(look.units)} {wish.kind} of round {look.population.round_id} are drawn, and {needed} are enough for "
            f"{bad} bad ones: wait for their answers, then decide on them with fewframes certify"
        )
    place = KINDS.index((wish.kind, wish.grade))
    judged, blind, frames = (needed if place == at else 0 for at in range(len(KINDS)))
    of_round, iou = look.population.round_id, wish.iou
    return draw_audit(project, ledger, seed=seed, round_id=of_round, judged=judged, blind=blind, frames=frames, iou=iou)


def given_up(project: Project, ledger: Ledger, look: Look) -> Certificate:
    """Return the record of a look that certifies nothing, since its answers were given up."""
    answers = {a.key: a for a in ledger.audit_answers(look.population.round_id)}
    nothing = Decision((), len(look.units), 0, sum(u.key not in answers for u in look.units), None)
    delivered = hashes_of(project, ledger.delivered_paths(look.population.round_id))
    so_far, spent = ledger.audit_answers_so_far(), spent_in(ledger.certificates())
    return certificate_of(look, answers, (), so_far, delivered, spent, decision=nothing)


def _answered(project: Project, ledger: Ledger, population: Population, wish: Wish) -> Look | None:
    """Return what a certificate could be decided on now, if any answer to it is known and there are enough."""
    if not ledger.audit_samples(population.round_id):
        return None
    look = prepare(project, ledger, wish)
    least = answers_needed(look.size, LARGEST_ERROR, look.risk)
    if least is None or len(look.units) < least:
        return None
    known = {a.key for a in ledger.audit_answers(population.round_id)}
    return look if any(unit.key in known for unit in look.units) else None
