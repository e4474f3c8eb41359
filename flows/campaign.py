"""Rounds until a stopping rule names its reason, or until people have to answer first."""

from collections.abc import Callable

from prefect import flow

from al_core.campaign.stopping import stop_reason
from al_core.project import Project
from al_core.settings import Settings
from flows.round import RoundOutcome, run_round
from tasks.ledger.client import open_ledger
from tasks.steps.audit import campaign_history
from tasks.steps.context import RoundContext
from tasks.steps.repair import repair_step


@flow(name="campaign", flow_run_name="campaign in {project.root.name}", validate_parameters=False)
def run_campaign(
    project: Project, settings: Settings, on_round: Callable[[RoundOutcome], None] | None = None
) -> RoundOutcome:
    """Run rounds; ``on_round`` hears of each one that finishes.

    A campaign that is over stays over until its settings allow more, so the same command may be given again.
    """
    over = campaign_over(project, settings)
    if over is not None:
        return over
    while True:
        outcome = run_round(project, settings)
        if not outcome.waiting and on_round is not None:
            on_round(outcome)
        if outcome.waiting or outcome.stop_reason is not None:
            return outcome


def campaign_over(project: Project, settings: Settings) -> RoundOutcome | None:
    """Return how the campaign ended, or None where it is not over, or where these settings allow more.

    What it delivered last is looked at, and made again where it is damaged.
    """
    ledger = open_ledger(project)
    last = ledger.last_round()
    if last is None or last.status != "finished":
        return None
    unchanged = last.stop_reason if last.settings == settings else None
    reason = unchanged or stop_reason(settings.stopping, campaign_history(ledger, settings))
    if reason is None:
        return None
    repair_step(RoundContext(project, ledger, last.round_id), "propagate")
    return RoundOutcome(last.round_id, stop_reason=reason)
