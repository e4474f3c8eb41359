"""Rounds that wait for people: whether one still does, and what becomes of the requests that nobody waits for."""

from al_core.campaign.waiting import Verdict, judge
from al_core.ledger.store import Ledger, Round


def settle(ledger: Ledger, this: Round) -> Verdict:
    """Withdraw what a round no longer waits for; returns what it waits for after that.

    Whoever looks first does it: the round's own step, or the server that people answer at.
    """
    return ledger.settle(this.round_id, this.settings.schedule, this.settings.annotator.lease_seconds)


def verdict_of(ledger: Ledger, this: Round) -> Verdict:
    """What a round waits for."""
    return judge(this.settings.schedule, ledger.waiting(this.round_id), this.settings.annotator.lease_seconds)
