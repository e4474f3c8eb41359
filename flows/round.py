"""One round of the loop. Read this first.

A round selects the frames that a human should see, requests their labels, collects the answers, trains the student,
predicts every frame with an ensemble of mean teachers and scores how uncertain each prediction is, propagates masks
along each video, and audits what came out. Every step is a row in the ledger, so a round can stop anywhere, for a
second or a week, and go on: the same call does what is missing and nothing twice.
"""

import logging
from typing import Any

from prefect import flow
from prefect.runtime import flow_run
from prefect.states import Completed, State

from al_core.project import Project
from al_core.settings import Settings
from tasks.backends.protocol import told_line
from tasks.ledger.client import open_ledger
from tasks.preflight import check, rehearse
from tasks.processes.campaign_end import campaign_over
from tasks.processes.round_outcome import RoundOutcome
from tasks.project.round_control import settings_of_schedule
from tasks.scheduling.deployed_runs import BUSY, DEPLOYED, alone
from tasks.scheduling.events import need_of, tell_need
from tasks.steps import table as steps
from tasks.steps.context import RoundContext
from tasks.steps.repair import repair_inputs

_log = logging.getLogger(__name__)


@flow(name="round", flow_run_name="round in {project.root.name}", validate_parameters=False)
def run_round(project: Project, settings: Settings) -> RoundOutcome:
    """Begin the next round, or go on with the unfinished one, as far as the answers of people allow."""
    ledger = open_ledger(project)
    check(settings, project)
    last = ledger.last_round()
    if (pause := ledger.paused()) and (last is None or last.status != "running"):
        return RoundOutcome(last.round_id if last else 0, paused=pause)
    rehearse(project, ledger, settings)
    round_id = ledger.begin_round(settings, flow_run.id).round_id
    context = RoundContext(project, ledger, round_id)
    repair_inputs(context)
    chosen = steps.select(project, round_id)
    if not chosen.frames and not chosen.learns and not _has_labels_of_abandoned(context):
        return RoundOutcome(round_id, stop_reason=steps.finish(project, round_id))
    steps.request(project, round_id)
    answers = steps.collect(project, round_id)
    if answers.waiting:
        return RoundOutcome.awaiting(round_id, answers)
    for step in (steps.train, steps.predict, steps.propagate, steps.audit):
        if pause := ledger.paused():
            return RoundOutcome(round_id, paused=pause)
        step(project, round_id)
    return RoundOutcome(round_id, stop_reason=steps.finish(project, round_id))


def _has_labels_of_abandoned(context: RoundContext) -> bool:
    """Tell whether abandoned rounds left answers that no round has learned from."""
    return any(context.ledger.standing_answers(round_id) for round_id in context.passed_over)


@flow(name="round", **DEPLOYED)
def take_round(project: str, settings: str = "", changes: dict[str, Any] | None = None) -> State:
    """Begin the next round of a project, or go on with the unfinished one; what a Prefect deployment runs.

    Args:
        project: its folder.
        settings: a preset or file; what the last round ran with when empty.
        changes: settings by dotted name, e.g. ``{"selection.frames_per_round": 20}``.
    """
    place = Project.at(project)
    with alone(place) as free:
        if not free:
            return Completed(message=BUSY)
        wanted = settings_of_schedule(place, settings or None, changes or {})
        return told(place, campaign_over(place, wanted) or run_round.fn(place, wanted))


def told(project: Project, outcome: RoundOutcome) -> State:
    """Return the state of a deployed run that ended so; where the round needs somebody, people are told."""
    for message in outcome.rejected:
        _log.warning("%s", told_line(message))
    if outcome.waiting:
        ledger = open_ledger(project)
        need = need_of(ledger)
        if need is not None:
            tell_need(project, ledger, need)
    return Completed(message=outcome.describe())
