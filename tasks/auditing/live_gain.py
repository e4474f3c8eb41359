"""What choosing frames gained over drawing them at random, as far as the rounds of a project tell."""

from dataclasses import dataclass

import numpy as np

from al_core.evaluation.bootstrap import Estimate
from al_core.evaluation.label_credit import LEAST_CONTROL, Credit, live_gain
from al_core.ledger.store import Ledger
from tasks.languages.phrases import numeral, t
from tasks.steps.context import Audited, standing_rounds


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of the gain over random selection.

    Attributes:
        gain: None while too little is known.
        n_random: labels drawn at random whose effect is known, over all rounds that are audited.
    """

    gain: Estimate | None
    n_random: int

    def in_words(self) -> str:
        """Return the gain, or why there is none yet, as people read it."""
        if self.gain is not None:
            return gain_in_words(self.gain)
        early = "too early to say what choosing gains: {n} of {all} random labels are known"
        return t(early, n=self.n_random, all=LEAST_CONTROL)


def gain_so_far(ledger: Ledger) -> Estimate | None:
    """Return the gain over random selection in all rounds that are audited; None while too little is known."""
    return proof_so_far(ledger).gain


def proof_so_far(ledger: Ledger) -> Proof:
    """Return the gain over random selection in all rounds that are audited, and on how many random labels it rests."""
    credits = []
    with ledger.held():
        rounds, steps = {this.round_id for this in standing_rounds(ledger)}, ledger.steps()
    for step in steps:
        if step.name == Audited.step and step.status == "finished" and step.round_id in rounds:
            credits += [Credit(bool(c), s, w) for c, s, w in Audited.from_json(step.result).credits]
    return Proof(live_gain(credits, np.random.default_rng(0)), sum(c.control for c in credits))


def gain_in_words(gain: Estimate) -> str:
    """Return the gain as people read it."""
    return t(
        "a second of labelling changes {gain} times as much as at random ({low} to {high})",
        gain=numeral(gain.value, ".2f"),
        low=numeral(gain.low, ".2f"),
        high=numeral(gain.high, ".2f"),
    )
