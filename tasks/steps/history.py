"""What a campaign has reached so far, as its stopping rules see it."""

from al_core.campaign.stopping import History
from al_core.ledger.store import Ledger
from al_core.records import whole_video
from al_core.settings import Settings


def campaign_history(ledger: Ledger, settings: Settings) -> History:
    """Rounds, human frames and seconds, coverage and quality of a project up to now."""
    rows = ledger.coverage()
    last = rows[-1] if rows else None
    delivered = ledger.last_delivered_round()
    covered = ledger.frames_covered(delivered) if delivered is not None else 0
    total = last["n_frames"] if last else 0
    human_frames = last["human_frames"] if last else 0
    return History(
        rounds=len(rows),
        human_frames=human_frames,
        human_seconds=last["human_seconds"] if last else 0.0,
        coverage=covered / total if total else 0.0,
        qualities=_mean_quality(ledger),
        frames_left=total - human_frames,
    )


def frames_to_ask(settings: Settings, human_frames: int) -> int:
    """How many frames the next round asks for: its own share, but no more than the budget still allows."""
    budget = settings.stopping.max_human_frames
    share = settings.selection.frames_per_round
    return min(share, max(budget - human_frames, 0)) if budget else share


def _mean_quality(ledger: Ledger) -> tuple[float, ...]:
    """Mean J&F over videos of each round that has one, in order."""
    by_round: dict[int, list[float]] = {}
    for row in whole_video(ledger.quality(), "jf"):
        by_round.setdefault(row.round_id, []).append(row.value)
    return tuple(sum(v) / len(v) for _, v in sorted(by_round.items()))
