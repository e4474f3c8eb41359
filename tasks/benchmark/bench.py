"""The selection bench: every strategy on the same footage, with the same propagation, annotator and prices.

No student is trained, so that many campaigns run. What is delivered between two labels is worked out once for all
strategies and seeds of a trial. A campaign that is finished is not run again: the same command goes on where it was
stopped.
"""

import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import Queue

import numpy as np
from rich.console import Console

from al_core.benchmark.curve_points import CurvePoint, VideoFigures, read_points, write_points
from al_core.benchmark.simulated_people import annotator_of, kinds_named, offers_of
from al_core.benchmark.trials import SETS, Trial, trials
from al_core.benchmark.world import Point, World, run_campaign
from al_core.errors import BadSettings
from al_core.fingerprint import fingerprint
from al_core.footage.clips import clips_of
from al_core.propagation.flow import FlowPropagator
from al_core.selection import STRATEGIES
from al_core.settings import AnnotatorSettings, PropagationSettings, SelectionSettings, Table
from al_core.stores.optical_flow import FlowStore
from tasks.benchmark.workers import run_jobs

_SURENESS = "one minus the confidence of the propagation, where the product has the ensemble's uncertainty"
_THUMBNAILS = "thumbnails of 16 x 9 pixels, where the product has the student's features"
STAND_INS = {
    "least_certain": (_SURENESS,),
    "hybrid": (_SURENESS, _THUMBNAILS),
    "diverse": (_THUMBNAILS,),
    "farthest_with_error": (_THUMBNAILS,),
}
"""What strategies are given here in place of what they have in a project, since no student is trained."""


@dataclass(frozen=True, slots=True)
class Arm:
    """What is compared: a strategy, and the kinds of label that people are asked for."""

    strategy: str
    kinds: str = "mask"

    @classmethod
    def parse(cls, text: str) -> "Arm":
        """Read ``strategy`` or ``strategy/kinds``.

        Raises:
            UnknownName: no such strategy or kinds.
        """
        strategy, _, kinds = text.partition("/")
        kinds_named(kinds or "mask")
        return cls(STRATEGIES.check(strategy), kinds or "mask")


@dataclass(frozen=True, slots=True)
class Bench:
    """What is run.

    Attributes:
        data: folders in DAVIS layout.
        sequences: only these; None for all.
        frames_per_video: human frames of a whole campaign for each video; cheaper kinds of label get the same seconds.
        long_side: frames are made smaller to this, in pixels; quality is measured at this size.
    """

    data: tuple[Path, ...]
    sequences: tuple[str, ...] | None
    sets: tuple[str, ...]
    arms: tuple[Arm, ...]
    seeds: int
    rounds: int
    frames_per_video: int
    long_side: int = 427
    long_frames: int = 300
    annotator: AnnotatorSettings = field(default_factory=AnnotatorSettings)

    def __post_init__(self) -> None:
        for name in self.sets:
            SETS.check(name)
        if self.frames_per_video < self.rounds:
            raise BadSettings(
                f"{self.rounds} rounds need at least {self.rounds} frames of each video, got {self.frames_per_video}"
            )

    def stand_ins(self) -> list[str]:
        """Return a line for each strategy that is not measured with what it has in a project."""
        named = dict.fromkeys(arm.strategy for arm in self.arms)
        return [f"{name} goes by {' and '.join(STAND_INS[name])}" for name in named if name in STAND_INS]

    def trials(self) -> list[Trial]:
        """Return the footage of all campaigns, what takes longest first.

        Raises:
            UnknownName: a sequence that is in none of the folders.
        """
        clips = [clip for folder in self.data for clip in clips_of(folder, None, self.long_side)]
        known = Table("sequence", {clip.name: clip for clip in clips})
        wanted = {known.check(name) for name in self.sequences or known}
        kept = [clip for clip in clips if clip.name in wanted]
        found = trials(kept, self.sets, self.long_frames)
        return sorted(found, key=lambda trial: -sum(video.n_frames for video in trial.videos))


def run_bench(bench: Bench, out: Path, work: Path, workers: int | None, console: Console) -> list[CurvePoint]:
    """Run all campaigns in parallel processes, one footage each; return and write a point per campaign and round.

    Args:
        work: finished campaigns and flow, kept for resuming.
    """
    jobs = {(t.set_name, t.name): partial(run_trial, bench, t.set_name, t.name, work) for t in bench.trials()}
    found: dict[tuple[str, str], list[CurvePoint]] = {}

    def add(name: tuple[str, str], points: list[CurvePoint]) -> None:
        found[name] = points
        write_points(in_order(), out)
        console.print(f"{': '.join(name)} is done", highlight=False)

    def in_order() -> list[CurvePoint]:
        return [point for name in jobs for point in found.get(name, ())]

    run_jobs(jobs, add, workers, work, ("campaigns", len(jobs) * len(bench.arms) * bench.seeds), console)
    return in_order()


def run_trial(bench: Bench, set_name: str, name: str, work: Path, done: "Queue[int]") -> list[CurvePoint]:
    """Run all campaigns on one footage and return their points; ``done`` gets a 1 for each that is finished."""
    (trial,) = [t for t in bench.trials() if (t.set_name, t.name) == (set_name, name)]
    world: World | None = None
    points: list[CurvePoint] = []
    same = [set_name, name, [v.sha256 for v in trial.videos], bench.rounds, bench.frames_per_video]
    same += [bench.annotator.model_dump(exclude_defaults=True)] if bench.annotator != AnnotatorSettings() else []
    for arm in bench.arms:
        for seed in range(bench.seeds):
            kept = work / "campaigns" / f"{fingerprint([*same, arm.strategy, arm.kinds, seed])[:24]}.json"
            if not kept.is_file():
                world = world or _world(trial, work)
                write_points(run_arm(bench, trial, world, arm, seed), kept)
            points += read_points(kept)
            done.put(1)
    return points


def run_arm(bench: Bench, trial: Trial, world: World, arm: Arm, seed: int) -> list[CurvePoint]:
    """Run one campaign; return its points."""
    budget = bench.frames_per_video * len(trial.videos)
    settings = SelectionSettings(
        strategy=arm.strategy,
        frames_per_round=-(-budget // bench.rounds),
        planned_frames=budget,
        min_gap=1,
        control_share=0.0,
    )
    exact = arm.kinds == "mask"
    limits = {"most_frames": budget} if exact else {"most_seconds": seconds_of_masks(world, budget, bench.annotator)}
    rounds = bench.rounds if exact else CHEAP_ROUNDS * bench.rounds
    annotate, offers = annotator_of(world, arm.kinds, bench.annotator), offers_of(arm.kinds, bench.annotator)
    rng = np.random.default_rng([seed, 1])
    started = time.perf_counter()
    kinds = kinds_named(arm.kinds)
    points = run_campaign(world, arm.strategy, settings, rounds, annotate, rng, offers, kinds, **limits)
    return [_curve_point(trial, arm, seed, point, time.perf_counter() - started) for point in points]


CHEAP_ROUNDS = 4
"""Campaigns with cheap kinds of label may take this many times as many rounds, until their seconds are spent."""


def seconds_of_masks(world: World, budget: int, prices: AnnotatorSettings) -> float:
    """Return the human seconds of a campaign of ``budget`` frames with exact masks."""
    objects = np.mean([world.objects(video) for video in range(len(world.clips))])
    return float(budget * objects * prices.mask_seconds)


def _curve_point(trial: Trial, arm: Arm, seed: int, point: Point, spent: float) -> CurvePoint:
    videos = []
    for video, footage in enumerate(trial.videos):
        j, f = np.array([(outcome.j, outcome.f) for outcome in point.outcomes[video]]).T
        videos.append(VideoFigures.of(footage.name, j, f, point.labelled[video]))
    return CurvePoint(
        trial.set_name, trial.name, arm.strategy, arm.kinds, seed, point.round_id,
        point.human_frames, point.human_seconds, tuple(videos), spent,
    )  # fmt: skip


def _world(trial: Trial, work: Path) -> World:
    settings = PropagationSettings(flow_long_side=max(trial.videos[0].size))
    return World(trial.videos, FlowPropagator(FlowStore(work / "flow"), settings))
