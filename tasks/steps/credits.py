"""What each label brought, and what the selection gains over drawing at random."""

import numpy as np

from al_core.evaluation.bootstrap import Estimate
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import FrameRef
from al_core.selection.gain import Credit, live_gain, worths
from al_core.stores.delivered import read_delivered

CREDITS = "credits"
"""Where the result of a round's audit keeps them."""


def round_credits(project: Project, ledger: Ledger, round_id: int) -> list[list[float]]:
    """What the labels of a round changed, as [control (0 or 1), human seconds, worth] of each label.

    Empty for a round before which nothing was delivered.
    """
    before, after = ledger.delivered_paths(round_id - 1), ledger.delivered_paths(round_id)
    seconds = ledger.label_seconds(round_id)
    control = {s.frame: s.control for s in ledger.selection(round_id)}
    lengths = ledger.video_lengths()
    found = []
    for video_id in sorted(before.keys() & after.keys()):
        mine = sorted(ref.frame_idx for ref in seconds if ref.video_id == video_id)
        if not mine:
            continue
        old, new = (dict(read_delivered(project.absolute(paths[video_id]))) for paths in (before, after))
        for frame_idx, worth in worths(old, new, mine, lengths[video_id]).items():
            ref = FrameRef(video_id, frame_idx)
            found.append([float(control.get(ref, False)), seconds[ref], worth])
    return found


def gain_so_far(ledger: Ledger) -> Estimate | None:
    """The gain over random selection in all rounds that are audited; None while too little is known."""
    credits = []
    for step in ledger.steps():
        if step.name == "audit" and step.status == "finished":
            credits += [Credit(bool(c), s, w) for c, s, w in step.result.get(CREDITS, [])]
    return live_gain(credits, np.random.default_rng(0))


def gain_in_words(gain: Estimate) -> str:
    """The gain for people."""
    return (
        f"a second of labelling changes {gain.value:.2f} times as much as at random ({gain.low:.2f} to {gain.high:.2f})"
    )
