"""The selection bench: every strategy on the same footage, with the same propagation, annotator and prices.

No student is trained, so that many campaigns run. What is delivered between two labels is worked out once for all
strategies and seeds of a trial. A campaign that is finished is not run again: the same command goes on where it was
stopped.
"""

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import numpy as np
from rich.console import Console

from al_core.benchmark.annotators import KINDS, annotator_of, offers_of
from al_core.benchmark.curve_points import CurvePoint, VideoFigures, read_points, write_points
from al_core.benchmark.trials import SETS, Trial, trials
from al_core.benchmark.world import Point, World, run_campaign
from al_core.errors import BadSettings, UnknownName
from al_core.fingerprint import fingerprint
from al_core.footage.clips import clips_of
from al_core.propagation.flow import FlowPropagator
from al_core.selection import STRATEGIES
from al_core.settings import PropagationSettings, SelectionSettings
from al_core.stores.optical_flow import FlowStore
from tasks.processes.children import die_with_owner, use_threads
from tasks.processes.heartbeat import beat_as_worker, watched_workers
from tasks.progress import counting


@dataclass(frozen=True, slots=True)
class Arm:
    """What is compared: a strategy, and the kinds of label that people are asked for."""

    strategy: str
    kinds: str = "mask"

    @classmethod
    def parse(cls, text: str) -> "Arm":
        """From ``strategy`` or ``strategy/kinds``.

        Raises:
            UnknownName: no such strategy or kinds.
        """
        strategy, _, kinds = text.partition("/")
        if strategy not in STRATEGIES:
            raise UnknownName("strategy", strategy, STRATEGIES)
        if (kinds or "mask") not in KINDS:
            raise UnknownName("kinds of label", kinds, KINDS)
        return cls(strategy, kinds or "mask")


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

    def __post_init__(self) -> None:
        for name in self.sets:
            if name not in SETS:
                raise UnknownName("set", name, SETS)
        if self.frames_per_video < self.rounds:
            raise BadSettings(
                f"{self.rounds} rounds need at least {self.rounds} frames of each video, got {self.frames_per_video}"
            )

    def trials(self) -> list[Trial]:
        """The footage of all campaigns, what takes longest first."""
        clips = [clip for folder in self.data for clip in clips_of(folder, None, self.long_side)]
        names = [clip.name for clip in clips]
        for name in self.sequences or ():
            if name not in names:
                raise UnknownName("sequence", name, names)
        kept = [clip for clip in clips if self.sequences is None or clip.name in self.sequences]
        found = trials(kept, self.sets, self.long_frames)
        return sorted(found, key=lambda trial: -sum(video.n_frames for video in trial.videos))


def run_bench(bench: Bench, out: Path, work: Path, workers: int | None, console: Console) -> list[CurvePoint]:
    """Run all campaigns in parallel processes, one footage each; returns and writes a point per campaign and round.

    Args:
        work: finished campaigns and flow, kept for resuming.
    """
    names = [(trial.set_name, trial.name) for trial in bench.trials()]
    cores = os.cpu_count() or 1
    workers = min(workers or cores, len(names))
    total = len(names) * len(bench.arms) * bench.seeds
    context = multiprocessing.get_context("spawn")
    signs = work / "workers"
    points: dict[tuple[str, str], list[CurvePoint]] = {}
    with context.Manager() as manager:
        done = manager.Queue()
        with (
            watched_workers(signs),
            ProcessPoolExecutor(
                workers, context, initializer=_prepare, initargs=(max(cores // workers, 1), signs)
            ) as pool,
            counting("campaigns", done, total, console),
        ):
            futures = {pool.submit(run_trial, bench, *name, work, done): name for name in names}
            try:
                for future in as_completed(futures):
                    points[futures[future]] = future.result()
                    write_points([p for name in names for p in points.get(name, [])], out)
                    console.print(f"{': '.join(futures[future])} is done", highlight=False)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return [p for name in names for p in points[name]]


def run_trial(bench: Bench, set_name: str, name: str, work: Path, done: "Queue[int]") -> list[CurvePoint]:
    """All campaigns on one footage; returns their points. ``done`` gets a 1 for each campaign that is finished."""
    (trial,) = [t for t in bench.trials() if (t.set_name, t.name) == (set_name, name)]
    world: World | None = None
    points: list[CurvePoint] = []
    for arm in bench.arms:
        for seed in range(bench.seeds):
            same = [set_name, name, [v.sha256 for v in trial.videos], bench.rounds, bench.frames_per_video]
            kept = work / "campaigns" / f"{fingerprint([*same, arm.strategy, arm.kinds, seed])[:24]}.json"
            if not kept.is_file():
                world = world or _world(trial, work)
                write_points(run_arm(bench, trial, world, arm, seed), kept)
            points += read_points(kept)
            done.put(1)
    return points


def run_arm(bench: Bench, trial: Trial, world: World, arm: Arm, seed: int) -> list[CurvePoint]:
    """One campaign."""
    budget = bench.frames_per_video * len(trial.videos)
    settings = SelectionSettings(
        strategy=arm.strategy,
        frames_per_round=-(-budget // bench.rounds),
        planned_frames=budget,
        min_gap=1,
        control_share=0.0,
    )
    exact = arm.kinds == "mask"
    limits = {"most_frames": budget} if exact else {"most_seconds": _seconds_of_masks(world, budget)}
    rounds = bench.rounds if exact else CHEAP_ROUNDS * bench.rounds
    annotate = annotator_of(world, arm.kinds)
    rng = np.random.default_rng([seed, 1])
    started = time.perf_counter()
    points = []
    for point in run_campaign(world, arm.strategy, settings, rounds, annotate, rng, offers_of(arm.kinds), **limits):
        spent = time.perf_counter() - started
        points.append(_curve_point(trial, arm, seed, point, spent))
    return points


CHEAP_ROUNDS = 4
"""Campaigns with cheap kinds of label may take so many times as many rounds, until their seconds are spent."""


def _seconds_of_masks(world: World, budget: int) -> float:
    """What the campaign of exact masks costs."""
    objects = np.mean([world.objects(video) for video in range(len(world.clips))])
    return float(budget * objects * 80.0)


def _curve_point(trial: Trial, arm: Arm, seed: int, point: Point, spent: float) -> CurvePoint:
    videos = tuple(
        VideoFigures.of(
            footage.name,
            np.array([o.j for o in point.outcomes[video]]),
            np.array([o.f for o in point.outcomes[video]]),
            point.labelled[video],
        )
        for video, footage in enumerate(trial.videos)
    )
    return CurvePoint(
        trial.set_name, trial.name, arm.strategy, arm.kinds, seed, point.round_id,
        point.human_frames, point.human_seconds, videos, spent,
    )  # fmt: skip


def _world(trial: Trial, work: Path) -> World:
    settings = PropagationSettings(flow_long_side=max(trial.videos[0].size))
    return World(trial.videos, FlowPropagator(FlowStore(work / "flow"), settings))


def _prepare(threads: int, signs_of_life: Path) -> None:
    die_with_owner()
    beat_as_worker(signs_of_life)
    use_threads(threads)
