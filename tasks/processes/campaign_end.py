"""Whether a campaign is over: found out without Prefect."""

from contextlib import ExitStack

from al_core.campaign.stopping import stop_reason
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.settings import Settings
from tasks.ledger.client import open_ledger
from tasks.processes.round_outcome import RoundOutcome
from tasks.steps.audit import campaign_history, limits_of
from tasks.steps.context import RoundContext
from tasks.steps.repair import damaged_files, repair_step


def campaign_over(
    project: Project, settings: Settings, ledger: Ledger | None = None, opened: ExitStack | None = None
) -> RoundOutcome | None:
    """Return how the campaign ended, or None where it is not over, or where these settings allow more.

    What it delivered last is looked at, and made again where it is damaged.

    Args:
        ledger: of the project; None to open it.
        opened: keeps the ledger open, and is closed before anything is made again; None where nobody does.
    """
    ledger = ledger or open_ledger(project)
    with ledger.held():
        last = ledger.last_round()
        if last is None or last.status != "finished":
            return None
        unchanged = last.stop_reason if last.settings == settings else None
        reason = unchanged or stop_reason(limits_of(ledger, settings), campaign_history(ledger, settings))
        if reason is None:
            return None
        context = RoundContext(project, ledger, last.round_id)
        damaged = damaged_files(context, "propagate")
    if damaged:
        if opened is not None:
            opened.close()
        repair_step(context, "propagate")
    return RoundOutcome(last.round_id, stop_reason=reason)
