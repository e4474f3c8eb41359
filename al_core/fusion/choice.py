"""Which propagator follows which object of a video: told by labels that were left out, as far as trying them pays.

The cheapest propagator is tried first. A dearer one is tried where it is expected to put enough frames right for the
machine seconds that it takes; what it is worth beyond the cheapest is then a mean of what the labels say and of what
other videos let expect (:mod:`al_core.fusion.gains`), which counts as :data:`KNOWN_LABELS` labels. No label judges a
propagator that it taught. With one label nothing can be left out, and what is expected decides alone.

Those that were tried count side by side, each as far as labels trust it, unless one is clearly worse than the best.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from al_core.evaluation.calibration import IDENTITY, Calibration
from al_core.evaluation.evidence import UNKNOWN, Evidence
from al_core.footage.clips import ClipFrames
from al_core.fusion.combination import Runs, blended, propagations
from al_core.fusion.gains import SHIPPED, Case, Looks, expected_gain, look_at
from al_core.fusion.held_out import FOLDS, HeldOut, judged, tried
from al_core.fusion.pairing import Propagated
from al_core.propagation import Resources
from al_core.propagation.base import ENOUGH_LABELS, Labels, PropagatedFrame, PropagatedTrack
from al_core.propagation.labelled_clip import tracks_of
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import ClipFlow, FlowStore

KNOWN_LABELS = 2.0
"""Labels that what is expected counts as."""

CHEAPEST = "flow"
"""Needs nothing but the flow, which every other one needs too; it follows what no choice was made for."""


CLEARLY_WORSE = 0.8
"""A propagator does not count beside the best one if its share of that one's expected overlap is lower."""

ORDER = ("specialist", "affinity", "cutie", "sam2")
"""In which propagators are tried after the cheapest one."""

MOST_SHOWN = 8
"""Numbers of objects that are told to a person."""


Keep = Callable[[str, Callable[[], Any]], Any]
"""Gives what was looked into under a name, which JSON can hold: as it was kept, or made now."""


def made_now(name: str, make: Callable[[], Any]) -> Any:
    """Keep nothing."""
    return make()


class Cost(NamedTuple):
    """Seconds on one processor core with the default settings: for a video, and for each of its frames."""

    video: float
    frame: float


COSTS: Mapping[str, Cost] = {
    "flow": Cost(0, 0.05),
    "affinity": Cost(20, 0.2),
    "specialist": Cost(30, 0.15),
    "cutie": Cost(2, 1.5),
    "sam2": Cost(5, 14),
}
"""What a propagation takes, by propagator. Decisions rest on these and not on a clock: the same labels lead to the same
masks on any machine."""


class Outcome(NamedTuple):
    """How a propagator did on the labels that were left out.

    Attributes:
        j: mean overlap (IoU) with the objects of these labels, in [0, 1].
        n: objects and masks that it is the mean of.
        seconds: that the trial took.
    """

    name: str
    j: float
    n: int
    seconds: float


@dataclass(frozen=True)
class Choice:
    """What follows the objects of a video.

    Attributes:
        by_track: propagator of each object.
        outcomes: of those that were tried, the cheapest first; none with fewer than two labels.
        rows: of the chosen propagators on the labels that were left out.
        looks: what was seen of the video; None where it has no objects.
        trust: expected overlap (IoU), in [0, 1], of each propagator that counts for an object, by name; of an object
            that only one follows there is none.
    """

    by_track: Mapping[int, str]
    outcomes: tuple[Outcome, ...] = ()
    rows: tuple[HeldOut, ...] = field(default=(), repr=False)
    looks: Looks | None = None
    trust: Mapping[int, Mapping[str, float]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The propagators that are used, in the order of the alphabet; at least one."""
        beside = [name for trust in self.trust.values() for name in trust] if self.by_track else [CHEAPEST]
        return tuple(sorted({*beside, *self.by_track.values()}))

    def as_case(self, video: str) -> Case | None:
        """Return what other videos may learn from this one; None where nothing was tried, or came to any label."""
        if self.looks is None or len(self.outcomes) < 2 or not any(outcome.j for outcome in self.outcomes):
            return None
        cheapest, *others = self.outcomes
        return Case(video, self.looks, {other.name: other.j - cheapest.j for other in others})

    def describe(self) -> str:
        """Describe the choice for a person, in one line."""
        numbers: dict[str, list[int]] = {}
        for track, name in sorted(self.by_track.items()):
            numbers.setdefault(name, []).append(track)
        return told(numbers, self.outcomes)

    def of(
        self,
        sources: Mapping[str, Propagated],
        labelled: Collection[int],
        calibrations: Mapping[str, Calibration] | None = None,
    ) -> Propagated:
        """Return each object as its propagator gives it, averaged with what others give as far as each is to be trusted
        (see :func:`al_core.fusion.combination.blended`). What has no choice is as the cheapest one gives it.

        Args:
            sources: the chosen ones, by name; each gives every frame of the clip, in order, at each call.
            labelled: frames that people labelled; they are given as the first source gives them.
            calibrations: of the confidence of each source, by name; the others count as they are.
        """
        maps = {name: (calibrations or {}).get(name, IDENTITY) for name in sources}

        def frames() -> Iterator[PropagatedFrame]:
            for found in zip(*(source() for source in sources.values()), strict=True):
                by_name = dict(zip(sources, found, strict=True))
                human = found[0].frame_idx in labelled
                yield found[0] if human else PropagatedFrame(found[0].frame_idx, self._picked(by_name, maps))

        return frames

    def _picked(
        self, by_name: Mapping[str, PropagatedFrame], maps: Mapping[str, Calibration]
    ) -> dict[int, PropagatedTrack]:
        picked = {}
        for track in sorted(set().union(*(frame.tracks for frame in by_name.values()))):
            name = self.by_track.get(track, CHEAPEST)
            name = name if name in by_name else next(iter(by_name))
            trust = self.trust.get(track, {name: 1.0})
            parts = [_calibrated(by_name[member].tracks.get(track), maps[member]) for member in trust]
            sizes = [part.mask.size for part in parts if part is not None]
            if sizes:
                picked[track] = blended(parts, max(sizes), list(trust.values()))
        return picked


def told(by_name: Mapping[str, Sequence[int]], outcomes: Iterable[Sequence[Any]]) -> str:
    """Describe a choice for a person, in one line.

    Args:
        by_name: the objects that each propagator follows.
        outcomes: as :class:`Outcome` has them; a list that was kept as JSON will do.
    """
    used = [name if len(by_name) == 1 else f"{name} ({_objects(tracks)})" for name, tracks in by_name.items()]
    tries = [f"{name} {j:.3f} in {seconds:.0f} s" for name, j, _, seconds in outcomes]
    words = f"carried by {' and '.join(used)}" if used else "nothing to carry"
    return f"{words}; J of labels left out: {', '.join(tries)}" if tries else words


def _calibrated(carried: PropagatedTrack | None, calibration: Calibration) -> PropagatedTrack | None:
    return None if carried is None else PropagatedTrack(carried.mask, calibration(carried.confidence))


def _objects(tracks: Sequence[int]) -> str:
    shown = ", ".join(map(str, tracks[:MOST_SHOWN])) + (", ..." if len(tracks) > MOST_SHOWN else "")
    return f"object{'s' if len(tracks) > 1 else ''} {shown}"


def choose(
    resources: Resources,
    frames: ClipFrames,
    labels: Labels,
    cases: Sequence[Case] = SHIPPED,
    evidence: Evidence = UNKNOWN,
    run: Runs = propagations,
    keep: Keep = made_now,
) -> Choice:
    """Choose a propagator for each object of a clip.

    Args:
        resources: its settings name the candidates, and what a frame is worth.
        cases: what came of other videos.
        evidence: how the labels were made: those that were accepted do not judge.
        run: makes what a propagator makes of the clip.
        keep: what does not depend on other videos goes through it.
    """
    settings, tracks = resources.settings, tracks_of(labels)
    if not tracks:
        return Choice({})
    trials = _Trials(resources, frames, labels, evidence, run, keep)
    judged_at_all = trials.add(CHEAPEST)
    sure = keep("sureness", lambda: _sureness(CHEAPEST, resources, frames, labels, run))
    looks = look_at(frames, labels, _flow(resources, frames), 1 - sure)
    worth = settings.seconds_per_frame * (frames.n_frames - len(labels))
    usual = _mean_overlap(trials.rows.get(CHEAPEST, ()), sure)
    used, gains = dict.fromkeys(tracks, CHEAPEST), {CHEAPEST: dict.fromkeys(tracks, 0.0)}
    for name in (name for name in ORDER if name in settings.candidates):
        best = {track: gains[used[track]][track] for track in tracks}
        known = min(expected_gain(name, looks, cases), 1 - usual)
        seconds = seconds_of(name, settings, frames.n_frames)
        # To try it takes about as long as to use it.
        if (known - _mean(best.values())) * worth < seconds * (2 if judged_at_all else 1):
            continue
        gains[name] = dict.fromkeys(tracks, known)
        if judged_at_all:
            trials.add(name)
            gains[name] = _gained(trials.rows[CHEAPEST], trials.rows[name], known, tracks)
        better = {track: gain - best[track] for track, gain in gains[name].items() if gain > best[track]}
        if sum(better.values()) / len(tracks) * worth >= seconds:
            used |= dict.fromkeys(better, name)
    trust = {t: _beside({n: usual + gain[t] for n, gain in gains.items()}, used[t]) for t in tracks}
    trust = {track: counting for track, counting in trust.items() if len(counting) > 1}
    return Choice(used, tuple(trials.outcomes()), tuple(trials.of_chosen(used)), looks, trust)


@dataclass(frozen=True)
class _Trials:
    """The trials of a video's propagators, and how each label judged them."""

    resources: Resources
    frames: ClipFrames
    labels: Labels
    evidence: Evidence
    run: Runs
    keep: Keep
    seconds: dict[str, float] = field(default_factory=dict)
    rows: dict[str, list[HeldOut]] = field(default_factory=dict)

    def add(self, name: str) -> bool:
        """Try a propagator, and tell whether any label can judge it."""
        if len(self.labels) < FOLDS:
            return False
        folds = 1 if len(self.labels) >= ENOUGH_LABELS else FOLDS

        def try_it() -> tuple[list[HeldOut] | None, float]:
            trial = tried(name, self.resources, self.frames, self.labels, folds, run=self.run)
            return list(judged(trial, self.labels, self.evidence)) if trial.found else None, trial.seconds

        rows, seconds = self.keep(name, try_it)
        if rows is not None:
            self.seconds[name], self.rows[name] = seconds, [HeldOut(*row) for row in rows]
        return rows is not None

    def outcomes(self) -> Iterator[Outcome]:
        """Yield how each did."""
        for name, rows in self.rows.items():
            yield Outcome(name, _mean_overlap(rows), len(rows), self.seconds[name])

    def of_chosen(self, used: Mapping[int, str]) -> Iterator[HeldOut]:
        """Yield what came of the objects that a propagator was chosen for."""
        for name, found in self.rows.items():
            yield from (row for row in found if used.get(row.track) == name and row.confidence)


def seconds_of(name: str, settings: PropagationSettings, n_frames: int) -> float:
    """Return how long a propagation is expected to take on one processor core, in seconds."""
    usual, cost = PropagationSettings(), COSTS.get(name, Cost(0, 0.1))
    pixels = (settings.flow_long_side / usual.flow_long_side) ** 2
    trained = {
        "affinity": settings.encoder_steps / usual.encoder_steps * (not settings.encoder),
        "specialist": settings.specialist_steps / usual.specialist_steps,
    }
    return cost.video * trained.get(name, 1.0) + cost.frame * n_frames * pixels


def _beside(expected: Mapping[str, float], chosen: str) -> dict[str, float]:
    """Return what counts for an object, with its expected overlap: what was chosen, and what is not clearly worse.

    A specialist's masks hold the flow as far as it is sure, so that only the better of these two counts.
    """
    least = CLEARLY_WORSE * expected[chosen]
    counting = {name: overlap for name, overlap in expected.items() if overlap >= least or name == chosen}
    if {"specialist", CHEAPEST} <= counting.keys():
        del counting["specialist" if chosen == CHEAPEST else CHEAPEST]
    return counting


def _flow(resources: Resources, frames: ClipFrames) -> ClipFlow:
    settings = resources.settings
    return FlowStore(resources.cache / "flow").clip(frames, settings.flow_long_side, settings.flow_preset)


def _sureness(name: str, resources: Resources, frames: ClipFrames, labels: Labels, run: Runs) -> float:
    """Return the mean confidence of a propagator in what it carries to the frames without a label."""
    (propagated,) = run([name], resources, frames, labels).values()
    return _mean(t.confidence for f in propagated() if f.frame_idx not in labels for t in f.tracks.values())


def _gained(
    cheapest: Sequence[HeldOut], other: Sequence[HeldOut], known: float, tracks: Sequence[int]
) -> dict[int, float]:
    """Return by how much the overlap of each object is expected to be higher, drawn towards that of all objects, and
    this towards what is known beforehand."""
    usual, found = ({(row.frame_idx, row.track): row.overlap for row in rows} for rows in (cheapest, other))
    counts = {(row.frame_idx, row.track): row.judges for row in (*cheapest, *other)}
    # Of an object that came to no label, trials tell only who draws it where it is not, from half of the labels.
    met = {row.track for row in (*cheapest, *other) if row.overlap}
    # Who carries nothing of an object that is not there is right.
    more = {at: found.get(at, 1.0) - usual.get(at, 1.0) for at, count in counts.items() if count and at[1] in met}

    def drawn(towards: float, by_label: Sequence[Sequence[tuple[int, int]]]) -> float:
        weights = [_mean(counts[at] for at in label) for label in by_label]
        values = [sum(counts[at] * more[at] for at in label) / sum(counts[at] for at in label) for label in by_label]
        total = sum(w * v for w, v in zip(weights, values, strict=True))
        return (total + KNOWN_LABELS * towards) / (sum(weights) + KNOWN_LABELS)

    of_all = drawn(known, [[at for at in more if at[0] == frame] for frame in sorted({frame for frame, _ in more})])
    return {track: drawn(of_all, [[at] for at in more if at[1] == track]) for track in tracks}


def _mean_overlap(rows: Iterable[HeldOut], otherwise: float = 0.0) -> float:
    """Return the mean overlap with labels, by how much each counts; ``otherwise`` where none does."""
    found = [(row.overlap, row.judges) for row in rows if row.judges]
    total = sum(count for _, count in found)
    return sum(overlap * count for overlap, count in found) / total if found else otherwise


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else 0.0
