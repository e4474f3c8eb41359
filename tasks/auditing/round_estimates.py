"""What audits say of each round's delivery: estimates with intervals, as far as people have answered."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from al_core.audit.audit_records import Grade, QualityEstimate
from al_core.campaign.audited import further_down
from al_core.errors import BadAudit, DamagedFile, NotReady
from al_core.ledger.store import Ledger
from al_core.project import Project

EVERYTHING = "all"
"""Scope of a figure that is of a whole delivery."""

NEARLY_ALL = 0.9
"""Where some questions are carried over, nothing is estimated before so much of all is answered: masks that changed
since have no answers at first, and they are not like those that stayed."""


@dataclass(frozen=True, slots=True)
class RoundEstimates:
    """What is estimated of one round's delivery.

    Attributes:
        iou: from which a mask is good.
        asked, answered: questions of its audit.
        figures: measured and judged ones, never mixed; empty before anybody answered.
    """

    round_id: int
    iou: float
    asked: int
    answered: int
    figures: tuple[QualityEstimate, ...]

    def of(self, metric: str, grade: Grade, scope: str = EVERYTHING) -> QualityEstimate | None:
        """Return one figure, or None where no answer says anything of it."""
        return next((f for f in self.figures if (f.metric, f.grade, f.scope) == (metric, grade, scope)), None)

    def best(self, metric: str, scope: str = EVERYTHING) -> QualityEstimate | None:
        """Return the figure of the grade with more answers, which names its grade; None without any.

        By the answers, never by the interval: who takes the narrower of two is wrong more often than either says.
        """
        found = [f for grade in Grade if (f := self.of(metric, grade, scope)) is not None]
        return max(found, key=lambda f: f.n, default=None)


def estimates_now(project: Project, ledger: Ledger) -> tuple[RoundEstimates, ...]:
    """Return the estimates of all rounds that were audited, in order; what is not stored yet is worked out, and stored
    by nobody."""
    return tuple(found for found, _, _ in _estimates(project, ledger))


def stored_estimates(ledger: Ledger) -> tuple[RoundEstimates, ...]:
    """Return the estimates of all rounds that were audited, in order, as far as they are stored."""
    figures: dict[int, list[QualityEstimate]] = {}
    for round_id, _, row in ledger.estimates():
        figures.setdefault(round_id, []).append(_figure(row))
    return tuple(
        RoundEstimates(round_id, ledger.audit_samples(round_id)[0].iou, asked, answered, tuple(figures[round_id]))
        for round_id, asked, answered, _ in ledger.audit_state()
        if round_id in figures
    )


def lower_bound(figure: QualityEstimate, confidence: float) -> float:
    """Return what a figure is at least, with some confidence in [.5, 1)."""
    return max(0.0, figure.value - (figure.value - figure.low) * further_down(confidence))


def refresh_estimates(project: Project, ledger: Ledger) -> int:
    """Store the estimates of rounds whose audits have answers since they were stored; returns how many rounds."""
    new = 0
    for found, newest, fresh in _estimates(project, ledger):
        if not fresh and newest is not None:
            take_in_answers(project, ledger, found.round_id)
            ledger.put_estimates(found.round_id, [_row(figure) for figure in found.figures], newest)
            new += 1
    return new


def take_in_answers(project: Project, ledger: Ledger, round_id: int) -> int:
    """Store what people's answers say of the units that were drawn from a round's delivery; returns how many of them
    were not stored before."""
    from tasks.auditing.samples import answers_of

    return sum(
        ledger.put_audit_answers(round_id, list(answers_of(project, ledger, sample).values()))
        for sample in ledger.audit_samples(round_id)
    )


def _estimates(project: Project, ledger: Ledger) -> Iterator[tuple[RoundEstimates, datetime | None, bool]]:
    """Yield the estimates of each audited round, when their newest answer came, and whether they are stored."""
    with ledger.held():
        stored: dict[int, list[tuple[datetime, QualityEstimate]]] = {}
        for round_id, as_of, row in ledger.estimates():
            stored.setdefault(round_id, []).append((as_of, _figure(row)))
        states = ledger.audit_state()
        ious = {round_id: ledger.audit_samples(round_id)[0].iou for round_id, *_ in states}
    for round_id, asked, answered, newest in states:
        known = stored.get(round_id, [])
        fresh = newest is None or any(as_of == newest for as_of, _ in known)
        if fresh:
            figures = tuple(figure for _, figure in known)
        else:
            figures = () if _lopsided(ledger, round_id, asked, answered) else _worked_out(project, ledger, round_id)
        yield RoundEstimates(round_id, ious[round_id], asked, answered, figures), newest, fresh


def _lopsided(ledger: Ledger, round_id: int, asked: int, answered: int) -> bool:
    """Tell whether the answers to an audit may be of masks that stayed as they were, more than of others."""
    return (
        answered < NEARLY_ALL * asked
        and bool(ledger.carried_requests(round_id))
        and bool(ledger.requests(round_id, purpose="audit"))
    )


def _worked_out(project: Project, ledger: Ledger, round_id: int) -> tuple[QualityEstimate, ...]:
    """Return the estimates of one round; nothing where its files are gone, or are not what was drawn from."""
    # The status of a project, which imports this, starts without scipy.
    from al_core.audit.estimators import estimates
    from tasks.auditing.samples import answers_of
    from tasks.certificates.delivered_population import population_of

    samples = ledger.audit_samples(round_id)
    answers = {key: said for sample in samples for key, said in answers_of(project, ledger, sample).items()}
    try:
        return tuple(estimates(population_of(project, ledger, round_id), samples, answers, samples[0].iou))
    except (BadAudit, DamagedFile, NotReady):
        return ()


def _row(figure: QualityEstimate) -> tuple[str, str, str, float, float, float, int, float, int, int]:
    f = figure
    return (f.scope, f.metric, f.grade.value, f.value, f.low, f.high, f.n, f.effective_n, f.population, f.unanswered)


def _figure(row: tuple[str, str, str, float, float, float, int, float, int, int]) -> QualityEstimate:
    scope, metric, grade, value, low, high, n, effective, population, unanswered = row
    return QualityEstimate(metric, value, low, high, Grade(grade), n, effective, population, unanswered, scope)
