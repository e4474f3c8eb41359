"""When a campaign is over, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from al_core.settings import AUTO, StoppingSettings


@dataclass(frozen=True, slots=True)
class Assured:
    """A figure that what a round delivered reaches at least, with the confidence that was asked for.

    Attributes:
        metric: in words.
        least: the lower bound of its estimate, in [0, 1].
        value: the estimate.
        grade: "measured" or "judged".
    """

    round_id: int
    metric: str
    least: float
    value: float
    grade: str


@dataclass(frozen=True, slots=True)
class History:
    """What a campaign has reached so far.

    Attributes:
        rounds: rounds in which people were asked, this one included.
        human_frames: frames that people labelled when they were asked; imported labels are not among them.
        coverage: share of all frames that have masks, of whatever provenance, in [0, 1].
        qualities: a figure per round that has one, in order, higher is better (mean J&F in [0, 1]).
        frames_left: frames that may still be asked for.
        assured: the quality that an audit assures; None where nobody answered one.
    """

    rounds: int
    human_frames: int
    human_seconds: float
    coverage: float
    qualities: Sequence[float]
    frames_left: int
    assured: Assured | None = None


def stop_reason(settings: StoppingSettings, history: History) -> str | None:
    """Return why the campaign ends here, in one sentence with the numbers; None when it goes on.

    A rule whose setting is 0 is off. The plateau rule looks only at rounds that have a quality figure: it
    fires when the best of the last ``plateau_rounds`` is not ``plateau_gain`` better than the best before.

    Args:
        settings: with numbers, see :func:`~al_core.campaign.budget.effective_limits`; "auto" counts as off.
    """
    rules = (_rounds, _human_frames, _human_seconds, _coverage, _quality, _plateau, _empty_pool)
    return next((reason for rule in rules if (reason := rule(settings, history))), None)


def _rounds(settings: StoppingSettings, history: History) -> str | None:
    if settings.max_rounds and settings.max_rounds != AUTO and history.rounds >= int(settings.max_rounds):
        return f"all rounds are done: {history.rounds} of {settings.max_rounds}"
    return None


def _human_frames(settings: StoppingSettings, history: History) -> str | None:
    if settings.max_human_frames and history.human_frames >= settings.max_human_frames:
        return f"the budget of human frames is spent: {history.human_frames} of {settings.max_human_frames} frames"
    return None


def _human_seconds(settings: StoppingSettings, history: History) -> str | None:
    spent, most = history.human_seconds, settings.max_human_seconds
    return f"the budget of human time is spent: {spent:.0f} of {most:.0f} seconds" if most and spent >= most else None


def _coverage(settings: StoppingSettings, history: History) -> str | None:
    if settings.target_coverage and history.coverage >= settings.target_coverage:
        return (
            f"the target coverage is reached: {history.coverage:.1%} of all frames have masks, "
            f"wanted were {settings.target_coverage:.1%}"
        )
    return None


def _quality(settings: StoppingSettings, history: History) -> str | None:
    found = history.assured
    if not settings.target_quality or found is None or found.least < settings.target_quality:
        return None
    return (
        f"the target quality is reached: {found.metric} of what round {found.round_id} delivered is at least "
        f"{found.least:.3f} with {settings.target_confidence:.0%} confidence ({found.grade}, estimate "
        f"{found.value:.3f}), wanted were {settings.target_quality:g}"
    )


def _plateau(settings: StoppingSettings, history: History) -> str | None:
    patience = settings.plateau_rounds
    if not patience or len(history.qualities) <= patience:
        return None
    before, lately = max(history.qualities[:-patience]), max(history.qualities[-patience:])
    if lately - before >= settings.plateau_gain:
        return None
    return (
        f"quality is on a plateau: {lately:.3f} at best in the last {patience} rounds after {before:.3f}, "
        f"a gain of {lately - before:+.3f} where {settings.plateau_gain:.3f} was wanted"
    )


def _empty_pool(settings: StoppingSettings, history: History) -> str | None:
    if history.frames_left > 0:
        return None
    return f"the pool is empty: every frame was asked for, people labelled {history.human_frames}"
