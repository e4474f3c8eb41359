"""One round of the loop. Read this first.

A round selects the frames that a human should see, requests their labels, collects the answers, trains the student,
predicts every frame with an ensemble of mean teachers and scores how uncertain each prediction is, propagates masks
along each video, and audits what came out. Every step is a row in the ledger, so a round can stop anywhere, for a
second or a week, and go on: the same call does what is missing and nothing twice.
"""

from dataclasses import dataclass

from prefect import flow
from prefect.runtime import flow_run

from al_core.project import Project
from al_core.settings import Settings
from tasks.ledger.client import open_ledger
from tasks.steps import table as steps
from tasks.steps.context import RoundContext
from tasks.steps.repair import repair_inputs


@dataclass(frozen=True, slots=True)
class RoundOutcome:
    """How a round ended.

    Attributes:
        waiting: requests that people have not answered yet; the round goes on when they have.
        rejected: answers that cannot be used, with the reasons.
        stop_reason: why the campaign is over, or None.
    """

    round_id: int
    waiting: int = 0
    rejected: tuple[str, ...] = ()
    stop_reason: str | None = None


@flow(name="round", flow_run_name="round in {project.root.name}", validate_parameters=False)
def run_round(project: Project, settings: Settings) -> RoundOutcome:
    """Begin the next round, or go on with the unfinished one, as far as the answers of people allow."""
    ledger = open_ledger(project)
    round_id = ledger.begin_round(settings, flow_run.id).round_id
    repair_inputs(RoundContext(project, ledger, round_id))
    if not steps.select(project, round_id).frames:
        return RoundOutcome(round_id, stop_reason=steps.finish(project, round_id))
    steps.request(project, round_id)
    answers = steps.collect(project, round_id)
    if answers.waiting:
        return RoundOutcome(round_id, answers.waiting, answers.rejected)
    steps.train(project, round_id)
    steps.predict(project, round_id)
    steps.propagate(project, round_id)
    steps.audit(project, round_id)
    return RoundOutcome(round_id, stop_reason=steps.finish(project, round_id))
