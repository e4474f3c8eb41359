"""Draw an audit from what a round delivered and put it among what people are asked next."""

from dataclasses import asdict

import numpy as np

from al_core.campaign.audited import AuditSize, is_audited, size_of
from al_core.campaign.budget import plan_campaign
from al_core.errors import BadAudit
from al_core.ledger.store import Ledger
from al_core.project import Project
from tasks.project.outlook import facts_of
from tasks.steps.context import RoundContext


def draw_audit(context: RoundContext, counts: bool = True) -> int:
    """Draw from what a round delivered, once, and ask for it; returns how many requests these are.

    The draw follows from the seed, the round and the population; confidences have no part in it.

    Args:
        counts: whether it is the last delivery, or its quality may end the campaign.
    """
    settings, ledger, round_id = context.settings, context.ledger, context.round_id
    if not is_audited(settings) or not ledger.delivered_paths(round_id):
        return 0
    # The status of a project, which imports this, starts without scipy.
    from al_core.audit.audit_sample import draw_sample
    from tasks.auditing.samples import store_sample
    from tasks.auditing.simulated_judge import answer_audit
    from tasks.certificates.delivered_population import population_of

    population = population_of(context.project, ledger, round_id)
    if not len(population) and not population.n_frames:
        return 0
    facts, drawn_before = facts_of(ledger, settings), ledger.audit_samples(round_id)
    labels = plan_campaign(settings, facts).per_round * facts.frame_seconds
    n_objects = max(len(population) / population.n_frames if population.n_frames else 1.0, 1.0)
    size = size_of(settings, labels, n_objects, counts=counts)
    # A step that was killed draws again what it drew.
    size = AuditSize(*drawn_before[0].asked) if drawn_before else size
    if not size:
        return 0
    sample = draw_sample(population, seed=settings.seed, iou=settings.audit.iou, **asdict(size))
    asked = store_sample(ledger, sample, np.random.default_rng([settings.seed, round_id, 2]))
    if settings.annotator.backend == "simulated":
        answer_audit(context, sample)
    return asked


def ask_more(project: Project, ledger: Ledger, judged: int = 0, blind: int = 0, frames: int = 0) -> int:
    """Draw once more from the newest delivery; returns how many requests these are.

    Raises:
        BadAudit: nothing was delivered, or nothing is left to draw from.
    """
    from al_core.audit.audit_sample import draw_sample
    from tasks.auditing.samples import store_sample
    from tasks.certificates.delivered_population import population_of

    round_id = ledger.last_delivered_round()
    if round_id is None:
        raise BadAudit("no round has delivered masks yet, so there is nothing to audit: run a round first")
    settings, before = ledger.round(round_id).settings, ledger.audit_samples(round_id)
    sample = draw_sample(
        population_of(project, ledger, round_id),
        seed=settings.seed,
        judged=judged,
        blind=blind,
        frames=frames,
        iou=settings.audit.iou,
        draw=len(before) + 1,
    )
    return store_sample(ledger, sample, np.random.default_rng([settings.seed, round_id, 2, sample.draw]))


def n_open(ledger: Ledger) -> int:
    """Return how many questions of audits have no answer yet."""
    return len(ledger.requests(status="open", purpose="audit"))
