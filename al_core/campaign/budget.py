"""How many frames a campaign asks for, and a round of it: what settings leave at "auto" follows from the footage and
the people."""

from dataclasses import dataclass
from math import ceil

from al_core.settings import AUTO, Settings, StoppingSettings

SHARE = 0.05
"""Share of all frames that a campaign asks for by itself."""
LEAST_PER_VIDEO = 4
"""It asks for at least so many frames per video, where the videos have them."""
MOST_BY_SHARE = 1000
"""The share of a lot of footage is no more than this."""
ROUNDS = 5
"""A campaign is planned for so many rounds."""
LEAST_PER_PERSON = 2
"""Each round has at least so many frames for each person."""
LARGEST_PART = 3
"""However long the machine works, a round takes no more than the budget divided by this."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a plan follows from.

    Attributes:
        n_frames, n_videos: of the project.
        people: who label; at least 1.
        rounds: that are finished.
        human_frames: that people labelled so far.
        frame_seconds: human seconds that a frame is expected to take.
        machine_seconds: that the machine is expected to work between two rounds' questions.
        not_over: those of the labelled frames that were asked for by a round which is not over, or for one to come.
    """

    n_frames: int
    n_videos: int
    people: int
    rounds: int
    human_frames: int
    frame_seconds: float
    machine_seconds: float
    not_over: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a campaign asks for.

    Attributes:
        frames: in the whole campaign; None where nothing limits it.
        per_round: in a round.
        rounds: of the whole campaign, as far as can be foreseen; None where nothing limits them.
        ahead: frames of the next round that are asked for beforehand.
        left: frames that may still be asked for; None where nothing limits them.
    """

    frames: int | None
    per_round: int
    rounds: int | None
    ahead: int
    left: int | None

    @property
    def next_round(self) -> int:
        """Return how many frames the next round asks for."""
        return self.per_round if self.left is None else min(self.per_round, self.left)


def plan_campaign(settings: Settings, facts: Facts) -> Plan:
    """Return how many frames are asked for, and in how many rounds."""
    frames = _budget(settings, facts)
    per_round = _per_round(settings, facts, frames)
    left = None if frames is None else max(frames - facts.human_frames, 0)
    limits = [] if left is None else [facts.rounds + ceil((left + facts.not_over) / per_round)]
    limits += [rounds] if (rounds := _number(settings.stopping.max_rounds)) else []
    ahead = settings.annotator.ahead
    if ahead == AUTO:
        ahead = max(facts.people, _needed(facts))
    return Plan(frames, per_round, min(limits, default=None), min(int(ahead), per_round), left)


def effective_limits(stopping: StoppingSettings, plan: Plan) -> StoppingSettings:
    """Return the stopping rules in numbers: a campaign of as many rounds as it needs ends when its frames are
    labelled."""
    if stopping.max_rounds != AUTO:
        return stopping
    return stopping.model_copy(update={"max_rounds": 0, "max_human_frames": plan.frames or 0})


def _budget(settings: Settings, facts: Facts) -> int | None:
    stopping, per_round = settings.stopping, settings.selection.frames_per_round
    limits = [stopping.max_human_frames] if stopping.max_human_frames else []
    rounds = _number(stopping.max_rounds)
    if rounds and per_round != AUTO:
        limits.append(rounds * int(per_round))
    elif not limits and stopping.max_rounds != 0:
        limits.append(_share(facts))
    return min(limits, default=None)


def _share(facts: Facts) -> int:
    """Return how many frames are asked for where nobody said it."""
    by_share = min(ceil(SHARE * facts.n_frames), MOST_BY_SHARE)
    return max(1, min(facts.n_frames, max(by_share, LEAST_PER_VIDEO * facts.n_videos)))


def _per_round(settings: Settings, facts: Facts, frames: int | None) -> int:
    per_round = settings.selection.frames_per_round
    if per_round != AUTO:
        return int(per_round)
    budget = _share(facts) if frames is None else frames
    rounds = _number(settings.stopping.max_rounds)
    if rounds:
        return ceil(budget / rounds)
    busy = min(_needed(facts), ceil(budget / LARGEST_PART))
    return min(budget, max(ceil(budget / ROUNDS), LEAST_PER_PERSON * facts.people, busy))


def _needed(facts: Facts) -> int:
    """Return how many frames keep everybody busy while the machine works."""
    return facts.people * ceil(facts.machine_seconds / max(facts.frame_seconds, 1.0))


def _number(value: int | str) -> int:
    """Return a setting's number; 0 where it is "auto"."""
    return 0 if value == AUTO else int(value)


# Seconds on two busy CPU cores, measured with the preset "quick": a step of training, a view of a frame, the rest.
_STEP_SECONDS = 1.2
_VIEW_SECONDS = 0.03
_OTHER_SECONDS = 0.1


def expected_machine_seconds(settings: Settings, n_frames: int, first: bool) -> float:
    """Return roughly how long a round's training, prediction and propagation take, before any round was measured.

    Args:
        first: whether it is a first round, which trains longer.
    """
    student, teachers = settings.student, settings.teachers
    steps = student.first_round_iterations if first else student.iterations
    views = len(teachers.decays) * teachers.seeds * len(teachers.views)
    pixels = (student.long_side / 256) ** 2
    training = steps * teachers.seeds * student.batch_size / 2 * _STEP_SECONDS * pixels
    return training + n_frames * (views * _VIEW_SECONDS * pixels + _OTHER_SECONDS)
