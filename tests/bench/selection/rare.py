"""Footage in which objects are rare: how many frames are asked for until each object is seen for the first time.

python -m tests.bench.selection.rare --data DAVIS --scenes VIDEOS --cache FOLDER --seeds 100,5 --out rare.json

A seed makes four composite videos (:mod:`tests.bench.selection.rare_footage`), one campaign. ``--clips`` adds real
clips, each a campaign of its own. Every strategy runs on the same footage with flow propagation and whole masks. When
random frames meet an object is what is to be expected of them, and not a draw; of what else they bring, the mean of a
few draws is told. Seeds below 100 are for choosing constants.

With ``--looks`` nothing is carried: what was seen, and when, is known at a hundredth of the work, and the quality of
masks is not. `value` then knows of objects in labelled frames only. What is done is kept in the folder of the cache, by
footage and strategy: the same command goes on where it was stopped.

``--write FOLDER`` runs nothing: the composite videos of the first seed go there in DAVIS layout, every ``--every``-th
frame of them, for what has to read them from disk.
"""

import json
import multiprocessing
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from al_core.benchmark.simulated_people import annotator_of
from al_core.benchmark.world import (
    FrameQuality,
    Label,
    Labels,
    Point,
    World,
    chances_in,
    expected_in,
    presence_in,
    run_campaign,
)
from al_core.evaluation.bootstrap import mean_estimate
from al_core.files import replaced
from al_core.footage.clips import Clip, Footage, clips_of
from al_core.propagation.flow import FlowPropagator
from al_core.settings import AnnotatorSettings, PropagationSettings, SelectionSettings
from al_core.stores.optical_flow import FlowStore
from tests.bench.selection.rare_footage import RareClip, backgrounds, rare_pool, write_davis

STRATEGIES = (
    "value", "uniform", "random", "least_certain", "diverse", "hybrid", "farthest_with_error", "patch_cycles"
)  # fmt: skip
DRAWS = 3
"""Campaigns with random frames on each footage."""

SOURCE_SIDE = 427
"""Pixels of the clips that objects are cut out of."""

BINS = 10
"""Of the told error, for its calibration."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run.

    Attributes:
        frames: of a composite video.
        long_side: in pixels; quality is measured at this size.
        per_video: human frames of a campaign for each video.
        looks: nothing is carried.
    """

    data: Path
    scenes: Path | None
    cache: Path
    strategies: tuple[str, ...]
    frames: int = 1000
    long_side: int = 240
    rounds: int = 10
    per_video: int = 30
    looks: bool = False

    def kept(self, footage: str, seed: int, strategy: str) -> Path:
        """Return the file of a case."""
        kind = "looks" if self.looks else "flow"
        return self.cache / "cases" / f"{kind}-{footage}-{seed}-{strategy}-{self.frames}-{self.per_video}.json"


class Looks(World):
    """A world in which nothing is carried: a frame shows what its own label says."""

    def outcomes(self, video: int, labels: Labels) -> list[FrameQuality]:
        """Return labelled frames as they are, and nothing of the others."""
        nothing = FrameQuality(0.0, 0.0)
        seen = {i: FrameQuality(1.0, 1.0, dict.fromkeys(label.masks, 1.0)) for i, label in labels.items()}
        return [seen.get(i, nothing) for i in range(self.n_frames(video))]

    def hazards(self, video: int, labels: Labels) -> NDArray[np.float64]:
        """Return the same hazard for every transition."""
        return np.full(self.n_frames(video) - 1, HAZARD)


HAZARD = 0.02
"""Of a transition, where nothing is carried: that of an object that moves by a tenth of its size."""


@dataclass(frozen=True, slots=True)
class Case:
    """One campaign, as it is written.

    Attributes:
        sights: object -> frames asked until it was seen first; one more than were asked for where it never was.
        visits: object -> (stretches in which it is to be seen, those of which a frame was asked for).
        jf: mean J&F over all frames after each round.
        frames, seconds: of people, after each round.
        told: for each bin of the told error after any round: frames, sum of the told error, sum of the true one.
    """

    footage: str
    seed: int
    strategy: str
    sights: Mapping[str, float]
    visits: Mapping[str, tuple[float, float]]
    jf: Sequence[float]
    frames: Sequence[float]
    seconds: Sequence[float]
    told: Sequence[Sequence[float]]


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--scenes", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Videos without objects.")
@click.option("--clips", default="", help="Comma-separated clips that are campaigns of their own.")
@click.option("--seeds", default="100,5", show_default=True, help="The first one, and how many.")
@click.option("--strategies", default=",".join(STRATEGIES), show_default=True)
@click.option("--cache", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--frames", default=1000, show_default=True)
@click.option("--per-video", default=30, show_default=True)
@click.option("--workers", default=1, show_default=True)
@click.option("--looks", is_flag=True, help="Carry nothing.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="JSON of every campaign.")
@click.option(
    "--write", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write the videos, run nothing."
)
@click.option("--every", default=1, show_default=True, help="With --write.")
def main(
    data: Path, scenes: Path | None, clips: str, seeds: str, strategies: str, cache: Path, frames: int, per_video: int,
    workers: int, looks: bool, out: Path | None, folder: Path | None, every: int,
) -> None:  # fmt: skip
    """Run all campaigns, then print the tables."""
    plan = Plan(data, scenes, cache, tuple(strategies.split(",")), frames, per_video=per_video, looks=looks)
    first, number = (int(n) for n in seeds.split(","))
    if folder is not None:
        for video in composites(plan, first):
            write_davis(video, folder, every)
        return
    jobs: list[tuple[str, int]] = [("", seed) for seed in range(first, first + number if scenes else first)]
    jobs += [(name, first) for name in clips.split(",") if name]
    found: list[Case] = []
    with multiprocessing.get_context("spawn").Pool(workers, _prepare) as pool:
        for cases in pool.imap(partial(run, plan), jobs):
            found += cases
            if out:
                out.write_text(json.dumps([asdict(case) for case in found], indent=1))
    report(found, Console(width=150))


def _prepare() -> None:
    cv2.setNumThreads(1)


def run(plan: Plan, job: tuple[str, int]) -> list[Case]:
    """Run every strategy on one footage."""
    name, seed = job
    files = {strategy: plan.kept(name or "composite", seed, strategy) for strategy in plan.strategies}
    missing = [strategy for strategy, path in files.items() if not path.exists()]
    if missing:
        world = world_of(plan, name, seed)
        for strategy in missing:
            case = campaigns(plan, world, name or "composite", seed, strategy)
            with replaced(files[strategy]) as new:
                new.write_text(json.dumps(asdict(case)))
    return [Case(**json.loads(path.read_text())) for path in files.values()]


def world_of(plan: Plan, name: str, seed: int) -> World:
    """Return the world of a clip, or of composite videos."""
    videos: Sequence[Footage] = clips_of(plan.data, [name], plan.long_side) if name else composites(plan, seed)
    flow = FlowPropagator(FlowStore(plan.cache), PropagationSettings(flow_long_side=plan.long_side))
    return Looks(videos, flow) if plan.looks else World(videos, flow)


def composites(plan: Plan, seed: int) -> list[RareClip]:
    """Make the composite videos of a seed."""
    clips = _whole(clips_of(plan.data, None, SOURCE_SIDE))
    return rare_pool(clips, backgrounds(plan.scenes or plan.data, plan.long_side), seed, plan.frames)


def _whole(clips: Sequence[Clip]) -> list[Clip]:
    """Clips with one object, whose number stays the same."""
    return [clip for clip in clips if len(clip.tracks) == 1 and all(clip.ignore(i) is None for i in clip.truth_frames)]


def campaigns(plan: Plan, world: World, footage: str, seed: int, strategy: str) -> Case:
    """Run a strategy once, or several times where it draws at random."""
    if strategy != "random":
        return campaign(plan, world, footage, seed, strategy, 0)
    runs = [campaign(plan, world, footage, seed, strategy, n) for n in range(DRAWS)]
    mean, asked = partial(np.mean, axis=0), round(runs[0].frames[-1])
    n_frames, sights, visits = sum(clip.n_frames for clip in world.clips), {}, {}
    for (video, track), stretches in visits_of(world).items():
        key = f"{world.clips[video].name}: {track}"
        sights[key] = float(missed(n_frames, sum(map(len, stretches)), asked).sum())
        visits[key] = float(len(stretches)), sum(1 - float(missed(n_frames, len(s), asked)[-1]) for s in stretches)
    others = (mean([getattr(r, name) for r in runs]).tolist() for name in ("jf", "frames", "seconds", "told"))
    return Case(footage, seed, strategy, sights, visits, *others)


def missed(n_frames: int, shown: int, asked: int) -> NDArray[np.float64]:
    """Return the chance that none of the first 0 ... ``asked`` random frames is one of ``shown``, float64 [asked + 1].

    Their sum is how many frames are to be expected until the first sight, one more than ``asked`` where there is none.
    """
    drawn = np.arange(asked)
    return np.cumprod([1.0, *(np.maximum(n_frames - shown - drawn, 0) / (n_frames - drawn))])


def campaign(plan: Plan, world: World, footage: str, seed: int, strategy: str, draw: int) -> Case:
    """Run one campaign."""
    budget = plan.per_video * len(world.clips)
    settings = SelectionSettings(
        strategy=strategy, frames_per_round=-(-budget // plan.rounds), planned_frames=budget, min_gap=1,
        control_share=0.0,
    )  # fmt: skip
    annotate = annotator_of(world, "mask", AnnotatorSettings())
    rng = np.random.default_rng([seed, draw, 1])
    points = list(run_campaign(world, strategy, settings, plan.rounds, annotate, rng, most_frames=budget))
    asked = [a.frame for point in points for a in point.asked]
    sights, visits = {}, {}
    for (video, track), stretches in visits_of(world).items():
        key = f"{world.clips[video].name}: {track}"
        order = [n for n, f in enumerate(asked, 1) if f.video_id == video and any(f.frame_idx in s for s in stretches)]
        sights[key] = float(order[0] if order else len(asked) + 1)
        hit = sum(any(f.video_id == video and f.frame_idx in s for f in asked) for s in stretches)
        visits[key] = (float(len(stretches)), float(hit))
    jf, told = [np.nan for _ in points], np.zeros((BINS, 3)).tolist()
    if not plan.looks:
        jf = [float(np.mean([o.jf for outcomes in p.outcomes.values() for o in outcomes])) for p in points]
        told = np.sum([told_errors(world, point) for point in points], axis=0).tolist()
    frames, seconds = ([float(getattr(p, f"human_{name}")) for p in points] for name in ("frames", "seconds"))
    return Case(footage, seed, strategy, sights, visits, jf, frames, seconds, told)


def visits_of(world: World) -> dict[tuple[int, int], list[range]]:
    """Return the stretches in which each object of each video is to be seen."""
    found: dict[tuple[int, int], list[range]] = defaultdict(list)
    for video, clip in enumerate(world.clips):
        open_: dict[int, int] = {}
        for i in range(clip.n_frames + 1):
            there = clip.truth(i).keys() if i < clip.n_frames else ()
            for track in [t for t in open_ if t not in there]:
                found[video, track].append(range(open_.pop(track), i))
            for track in there:
                open_.setdefault(track, i)
    return dict(found)


def told_errors(world: World, point: Point) -> np.ndarray:
    """Return, for each bin of the told error, the unlabelled frames, and the sums of the told and the true error."""
    labels = {v: {i: Label(world.clips[v].truth(i)) for i in mine} for v, mine in point.labelled.items()}
    presence = presence_in(labels, point.outcomes)
    likely = chances_in(world, labels, presence)
    sums = np.zeros((BINS, 3))
    for video, outcomes in point.outcomes.items():
        free = [i for i in range(len(outcomes)) if i not in labels[video]]
        told = expected_in(labels[video], outcomes, presence[video], likely.get(video)).error[free]
        true = 1 - np.array([o.jf for o in outcomes])[free]
        at = np.minimum((told * BINS).astype(int), BINS - 1)
        for column, weight in enumerate((np.ones_like(told), told, true)):
            sums[:, column] += np.bincount(at, weight, BINS)
    return sums


def report(cases: Sequence[Case], console: Console) -> None:
    """Print what each strategy found, and where it lost."""
    for footage in dict.fromkeys(case.footage for case in cases):
        mine = [case for case in cases if case.footage == footage]
        table = Table(
            "strategy", "first sight (frames)", "of uniform", "of random", "visits found", "J&F over rounds",
            "J&F at the end", "seconds", "ECE", title=footage,
        )  # fmt: skip
        for strategy in dict.fromkeys(case.strategy for case in mine):
            table.add_row(strategy, *row(mine, strategy))
        console.print(table)
        for case in mine:
            for key, frames in case.sights.items():
                rivals = {
                    o.strategy: o.sights[key] for o in mine if o.seed == case.seed and o.strategy != case.strategy
                }
                worse = {name: n for name, n in rivals.items() if name in ("random", "uniform") and n < frames}
                if case.strategy == "value" and worse:
                    console.print(f"LOSS: seed {case.seed}, {key}: value {frames:.0f}, {worse}", highlight=False)


def row(cases: Sequence[Case], strategy: str) -> list[str]:
    """Return the figures of one strategy."""
    rng = np.random.default_rng(0)
    mine = [case for case in cases if case.strategy == strategy]
    sights = {(c.seed, key): n for c in mine for key, n in c.sights.items()}
    ratios = []
    for rival in ("uniform", "random"):
        theirs = {(c.seed, key): n for c in cases if c.strategy == rival for key, n in c.sights.items()}
        shares = [sights[key] / theirs[key] for key in sights if key in theirs]
        ratios.append(f"{np.sum(list(sights.values())) / sum(theirs.values()):.2f}" if shares else "-")
    there, hit = np.sum([v for c in mine for v in c.visits.values()], axis=0)
    means = [np.mean(c.jf) for c in mine], [c.jf[-1] for c in mine], [c.seconds[-1] for c in mine]
    sums = np.sum([c.told for c in mine], axis=0)
    ece = np.abs(sums[:, 1] - sums[:, 2]).sum() / max(sums[:, 0].sum(), 1)
    first = mean_estimate(np.array(list(sights.values())), rng)
    return [
        f"{first.value:.1f} ({first.low:.1f} to {first.high:.1f})", *ratios, f"{hit / there:.2f}",
        f"{np.mean(means[0]):.4f}", f"{np.mean(means[1]):.4f}", f"{np.mean(means[2]):.0f}", f"{ece:.4f}",
    ]  # fmt: skip


def read(path: Path) -> list[Case]:
    """Read what was written."""
    rows: list[dict[str, Any]] = json.loads(path.read_text())
    return [Case(**row) for row in rows]


if __name__ == "__main__":
    main()
