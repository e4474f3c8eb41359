"""Strategies on a pool of clips and on that pool without each of its clips, for an interval; masks by flow, or by auto.

python -m tests.bench.selection.pools --data DAVIS --cache FOLDER --long-side 192
python -m tests.bench.selection.pools --data DAVIS --cache FOLDER --method auto --whole --frames 8 --rounds 4

`value` and `uniform` draw nothing, so that other seeds tell nothing of how sure a figure of one pool is. What the ratio
of efforts becomes where one clip is left out does: the interval is that of the jackknife (Efron and Stein: "The
Jackknife Estimate of Variance", Annals of Statistics 1981), of the logarithm. Campaigns are those of ``fewframes
bench``. What is done is kept in the folder of the cache: the same command goes on where it was stopped.
"""

import math
import pickle
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.benchmark.arms import EFFORTS, Effort, curves_of
from al_core.benchmark.curve_points import CurvePoint, read_points, write_points
from al_core.benchmark.trials import Trial
from al_core.benchmark.world import FrameQuality, Labels, World
from al_core.evaluation.bootstrap import mean_estimate
from al_core.evaluation.learning_curve import Curves, Reach, cost_to_reach
from al_core.files import replaced
from al_core.fingerprint import fingerprint
from al_core.footage.clips import Clip, Footage, clips_of
from al_core.fusion.choice import choose
from al_core.fusion.combination import propagations
from al_core.propagation import Resources
from al_core.propagation.base import PropagatedFrame
from al_core.propagation.flow import FlowPropagator
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tasks.benchmark.bench import Arm, Bench, run_arm


class Chosen(World):
    """A world in which masks are carried as `auto` chooses: what is delivered depends on all labels of a clip."""

    def __init__(self, clips: Sequence[Footage], settings: PropagationSettings, cache: Path) -> None:
        super().__init__(clips, FlowPropagator(FlowStore(cache / "flow"), settings))
        self._resources = Resources(settings, cache)
        self._last: tuple[object, list[PropagatedFrame]] = (None, [])

    def between(self, video: int, labels: Labels, start: int, end: int) -> list[FrameQuality]:
        """Measure the frames between two labels, as they are carried from all of them."""
        if not labels:
            return super().between(video, labels, start, end)
        return [
            self._measured(video, f.frame_idx, _soft(f), {t: c.confidence for t, c in f.tracks.items()})
            for f in self.carried(video, labels, start, end)
        ]

    def carried(self, video: int, labels: Labels, start: int, end: int) -> Iterator[PropagatedFrame]:
        """Give the masks between two neighbouring labels."""
        key = video, tuple(sorted(labels))
        if self._last[0] != key:
            self._last = key, self._whole(video, labels)
        yield from self._last[1][start + 1 : end]

    def _whole(self, video: int, labels: Labels) -> list[PropagatedFrame]:
        """Carry all labels of a clip, unless that was done."""
        clip, masks = self.clips[video], {i: label.masks for i, label in sorted(labels.items())}
        path = self._resources.cache / "chosen" / f"{fingerprint([clip.sha256, clip.size, sorted(masks)])[:24]}.pickle"
        if not path.exists():
            choice = choose(self._resources, clip, masks)
            carried = choice.of(propagations(choice.names, self._resources, clip, masks), masks)
            with replaced(path) as new:
                new.write_bytes(pickle.dumps(list(carried())))
        found: list[PropagatedFrame] = pickle.loads(path.read_bytes())
        return found


class Without(World):
    """A world without one of its clips, which shares what is worked out of the others."""

    def __init__(self, whole: World, left_out: int) -> None:
        self._at = [v for v in range(len(whole.clips)) if v != left_out]
        self._all = whole
        super().__init__([whole.clips[v] for v in self._at], whole._propagator)

    def between(self, video: int, labels: Labels, start: int, end: int) -> list[FrameQuality]:
        """Measure the frames between two labels."""
        return self._all.between(self._at[video], labels, start, end)

    def hazards(self, video: int, labels: Labels) -> NDArray[np.float64]:
        """Measure the hazard of each transition."""
        return self._all.hazards(self._at[video], labels)

    def cues(self, video: int) -> NDArray[np.float64]:
        """Return how much stands out in each frame."""
        return self._all.cues(self._at[video])


def _soft(frame: PropagatedFrame) -> dict[int, NDArray[np.float32]]:
    return {track: carried.mask.full() for track, carried in frame.tracks.items()}


@dataclass(frozen=True, eq=False)
class Pools:
    """All campaigns: ``left_out`` is the number of a clip, or -1 for the whole pool."""

    bench: Bench
    clips: Sequence[Clip]
    method: str
    cache: Path
    worlds: dict[int, World] = field(default_factory=dict)

    def world(self, left_out: int) -> World:
        """Return the world of a pool."""
        if left_out not in self.worlds:
            settings = PropagationSettings(methods=(self.method,), flow_long_side=self.bench.long_side)
            if left_out >= 0:
                found: World = Without(self.world(-1), left_out)
            elif settings.chooses:
                found = Chosen(self.clips, settings, self.cache)
            else:
                found = World(self.clips, FlowPropagator(FlowStore(self.cache / "flow"), settings))
            self.worlds[left_out] = found
        return self.worlds[left_out]

    def points(self, left_out: int, arm: Arm, seed: int, run: bool) -> list[CurvePoint]:
        """Return the points of a campaign; none where it was not run and is not to be."""
        asked = [self.bench.rounds, self.bench.frames_per_video, self.bench.long_side, [c.name for c in self.clips]]
        name = fingerprint([*asked, self.method, left_out, arm.strategy, seed])[:24]
        path = self.cache / "campaigns" / f"{name}.json"
        if not path.exists() and run:
            world = self.world(left_out)
            trial = Trial("pool", "pool", tuple(world.clips))
            with replaced(path) as new:
                write_points(run_arm(self.bench, trial, world, arm, seed), new)
        return read_points(path) if path.exists() else []


@click.command()
@click.option("--data", required=True, multiple=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--sequences", help="Comma-separated names; default: all.")
@click.option("--strategies", default="value,uniform", show_default=True)
@click.option("--seeds", default=3, show_default=True, help="Of random frames.")
@click.option("--method", default="flow", show_default=True, help="flow or auto.")
@click.option("--whole", is_flag=True, help="Leave no clip out.")
@click.option("--targets", default=".85,.90", show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--frames", default=10, show_default=True, help="Human frames for each clip.")
@click.option("--long-side", default=256, show_default=True)
@click.option("--minutes", default=600.0, show_default=True, help="Begin no campaign after so many processor minutes.")
@click.option("--cache", required=True, type=click.Path(file_okay=False, path_type=Path))
def main(
    data: tuple[Path, ...], sequences: str | None, strategies: str, seeds: int, method: str, whole: bool,
    targets: str, rounds: int, frames: int, long_side: int, minutes: float, cache: Path,
) -> None:  # fmt: skip
    """Run the campaigns, then print what each strategy needs, and how many times the effort of `value` a rival does."""
    cv2.setNumThreads(1)
    names = None if sequences is None else sequences.split(",")
    clips = [clip for folder in data for clip in clips_of(folder, names, long_side)]
    arms = [Arm.parse(name) for name in strategies.split(",")]
    bench = Bench(data, None, ("pool",), tuple(arms), seeds, rounds, frames, long_side)
    pools = Pools(bench, clips, method, cache)
    for left_out in [-1] if whole else range(-1, len(clips)):
        for arm in arms:
            for seed in range(seeds if arm.strategy == "random" else 1):
                pools.points(left_out, arm, seed, time.process_time() < 60 * minutes)
    for target in map(float, targets.split(",")):
        for line in told(pools, arms, target):
            click.echo(line)
    for line in by_round({arm.strategy: found for arm in arms if (found := curves(pools, arm, -1, "human_frames"))}):
        click.echo(line)


def by_round(found: Mapping[str, Curves]) -> Iterator[str]:
    """Yield J&F of the whole pool after each round, by strategy, and by how much `value` is above each other one, with
    its 95 % interval over clips."""
    for name, its in found.items():
        frames, quality = its.pooled()
        yield f"{name}: J&F after " + ", ".join(f"{n:g} frames {q:.3f}" for n, q in zip(frames, quality, strict=True))
    value = found.get("value")
    for name, its in found.items() if value is not None else ():
        if name == "value" or value is None:
            continue
        rng = np.random.default_rng(0)
        more = [mean_estimate(apart, rng) for apart in (value.value - its.value).T]
        yield f"value above {name}: " + ", ".join(f"{m.value:+.3f} ({m.low:+.3f} to {m.high:+.3f})" for m in more)


def told(pools: Pools, arms: Sequence[Arm], target: float) -> Iterator[str]:
    """Yield a line for each strategy and effort."""
    reached = {(arm.strategy, n): reach(pools, arm, n, target) for arm in arms for n in range(-1, len(pools.clips))}
    for arm in arms:
        for number, effort in enumerate(EFFORTS):
            mine, value = reached[arm.strategy, -1], reached.get(("value", -1))
            if mine is None:
                continue
            words = f"{target:g} {arm.strategy} {effort}: {mine[number].least:.1f} to {mine[number].most:.1f}"
            if value is not None and arm.strategy != "value":
                ratio = mine[number].least / value[number].most
                parts = [
                    theirs[number].least / ours[number].most
                    for n in range(len(pools.clips))
                    if (theirs := reached[arm.strategy, n]) and (ours := reached["value", n])
                ]
                words += f", {ratio:.3f} times that of value, {jackknifed(ratio, parts)}"
            yield words


def reach(pools: Pools, arm: Arm, left_out: int, target: float) -> tuple[Reach, ...] | None:
    """Return the frames and the seconds that a strategy needs, on the mean curve of its seeds; None where not run."""
    found = [curves(pools, arm, left_out, effort) for effort in EFFORTS]
    return None if None in found else tuple(cost_to_reach(*c.pooled(), target) for c in found if c is not None)


def curves(pools: Pools, arm: Arm, left_out: int, effort: Effort) -> Curves | None:
    """Return a strategy's curves of J&F on a pool, a row for each clip; None where not run."""
    seeds = range(pools.bench.seeds if arm.strategy == "random" else 1)
    points = [point for seed in seeds for point in pools.points(left_out, arm, seed, run=False)]
    return curves_of(points, effort, "jf") if points else None


def jackknifed(ratio: float, parts: Sequence[float]) -> str:
    """Describe the interval of a ratio by what it becomes without each clip."""
    known = [part for part in parts if 0 < part < math.inf]
    if len(known) < 2 or len(known) < len(parts) or not 0 < ratio < math.inf:
        return "no interval"
    logs = np.log(known)
    deviation = math.sqrt((len(logs) - 1) / len(logs) * float(((logs - logs.mean()) ** 2).sum()))
    low, high = (ratio * math.exp(sign * 1.96 * deviation) for sign in (-1, 1))
    return f"{low:.2f} to {high:.2f} over {len(known)} clips left out ({min(known):.3f} to {max(known):.3f})"


if __name__ == "__main__":
    main()
