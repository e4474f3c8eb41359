"""Rounds until a stopping rule names its reason, or until people have to answer first."""

import logging
from collections.abc import Callable
from typing import Any

from prefect import flow
from prefect.states import Completed, State

from al_core.project import Project
from al_core.settings import Settings
from flows.round import run_round, told
from tasks.ledger.client import open_ledger
from tasks.processes.campaign_end import campaign_over
from tasks.processes.round_outcome import RoundOutcome
from tasks.project.round_control import settings_of_schedule
from tasks.scheduling.deployed_runs import BUSY, DEPLOYED, alone
from tasks.scheduling.prefect_server import without_heartbeat

_log = logging.getLogger(__name__)


@flow(name="campaign", flow_run_name="campaign in {project.root.name}", validate_parameters=False)
def run_campaign(
    project: Project, settings: Settings, on_round: Callable[[RoundOutcome], None] | None = None
) -> RoundOutcome:
    """Run rounds; ``on_round`` hears of each one that finishes.

    A campaign that is over stays over until its settings allow more, so the same command may be given again.
    """
    over = campaign_over(project, settings)
    if over is not None:
        _log.info(over.describe())
        return over
    ledger = open_ledger(project)
    before = ledger.wanted()
    while True:
        outcome = run_round(project, settings)
        _log.info(outcome.describe())
        if on_round is not None and not outcome.waiting and outcome.paused is None:
            on_round(outcome)
        if not outcome.goes_on:
            return outcome
        asked = ledger.wanted()
        if asked is not None and asked != before:
            settings = before = asked


@flow(name="campaign", **DEPLOYED)
def take_campaign(project: str, settings: str = "", changes: dict[str, Any] | None = None) -> State:
    """Run rounds of a project until people have to answer, or a stopping rule ends the campaign.

    What a Prefect deployment runs.

    Args:
        project, settings, changes: as for a round.
    """
    place = Project.at(project)
    with alone(place) as free, without_heartbeat():
        if not free:
            return Completed(message=BUSY)
        return told(place, run_campaign.fn(place, settings_of_schedule(place, settings or None, changes or {})))
