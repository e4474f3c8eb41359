"""Draw an audit from what a round delivered and put it among what people are asked next."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from al_core.campaign.audited import AuditSize, is_audited, size_of
from al_core.campaign.budget import plan_campaign
from al_core.ledger.store import Ledger
from tasks.project.outlook import facts_of
from tasks.steps.context import RoundContext

if TYPE_CHECKING:
    from al_core.audit.audit_records import Population
    from tasks.auditing.carried import Unchanged


def draw_audit(context: RoundContext, counts: bool | None = True) -> int:
    """Draw from what a round delivered, once, and ask for it; returns how many requests these are.

    The draw follows from the seed, the round and the population; confidences have no part in it.

    Args:
        counts: whether it is the last delivery, or its quality may end the campaign; None where that cannot be told,
            so that it has to be asked about anyhow.
    """
    settings, ledger, round_id = context.settings, context.ledger, context.round_id
    if not is_audited(settings) or not ledger.delivered_paths(round_id):
        return 0
    # The status of a project, which imports this, starts without scipy.
    from al_core.audit.audit_sample import draw_sample
    from tasks.auditing.carried import Unchanged, carried_over
    from tasks.auditing.samples import store_sample
    from tasks.auditing.simulated_judge import answer_audit
    from tasks.certificates.delivered_population import population_of, seed_of_draws

    population = population_of(context.project, ledger, round_id)
    if not len(population) and not population.n_frames:
        return 0
    unchanged = Unchanged.since_last_audit(context.project, ledger, round_id, settings.audit.iou)
    drawn_before = ledger.audit_samples(round_id)
    # A step that was killed draws again what it drew.
    size = AuditSize(*drawn_before[0].asked) if drawn_before else _size(context, population, unchanged, counts)
    if not size:
        return 0
    seed = drawn_before[0].seed if drawn_before else seed_of_draws(ledger, settings.seed)
    sample = draw_sample(population, seed=seed, iou=settings.audit.iou, **asdict(size))
    carried, order = carried_over(ledger, sample, unchanged), np.random.default_rng([settings.seed, round_id, 2])
    asked = store_sample(ledger, sample, order, carried)
    if settings.annotator.backend == "simulated":
        answer_audit(context, sample)
    return asked


def _size(
    context: RoundContext, population: "Population", unchanged: "Unchanged | None", counts: bool | None
) -> AuditSize:
    """Return how much of a delivery is asked about, with what is known of it already."""
    from tasks.auditing.carried import answered_of

    settings, ledger = context.settings, context.ledger
    facts = facts_of(ledger, settings)
    labels = plan_campaign(settings, facts).per_round * facts.frame_seconds
    n_objects = max(len(population) / population.n_frames if population.n_frames else 1.0, 1.0)
    known = None if unchanged is None else unchanged.expected(population, answered_of(ledger, unchanged.before))
    size = size_of(settings, labels, n_objects, known, bool(counts))
    return size if size or counts is not None else size_of(settings, labels, n_objects, known, counts=True)


def n_open(ledger: Ledger) -> int:
    """Return how many questions of audits have no answer yet."""
    return len(ledger.requests(status="open", purpose="audit"))
