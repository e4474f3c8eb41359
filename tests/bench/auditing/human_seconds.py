"""How many human seconds until 95 % of all masks are human or certified? With certificates on the way, and at the end.

python -m tests.bench.auditing.human_seconds --data A --data B --cache FOLDER --out seconds.jsonl --seeds 100:110

Both arms label the same clips in rounds, with the product's prices (labels are corrections of what is shown). "value"
asks for what is worth most and certifies on the way: accepted masks are frozen and no more asked for, and looks go on
about the rest. "uniform" labels evenly spaced frames and audits everything until one look accepts enough. Judges see
overlaps with the product's error. A schedule of looks is (rounds before the first look, rounds between looks,
judgements of a look): of one for each arm, with | between, the first is that of "value". Schedules are chosen on other
seeds than those from 100 on. Lines of ``--out`` that are there already are not measured again, so the same command goes
on where it stopped.
"""

import json
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from al_core.audit.audit_records import AuditAnswer, Grade, Population, UnitKey
from al_core.audit.audit_sample import draw_sample
from al_core.audit.certifying import Claim, certify, risk_of_look
from al_core.benchmark.world import FrameQuality, Label, Labels, World, exact_masks, make_pool
from al_core.evaluation.bootstrap import bootstrap_weights
from al_core.files import replaced
from al_core.footage.clips import Footage, clips_of
from al_core.propagation.flow import FlowPropagator, FlowStore
from al_core.selection import Frames, select
from al_core.settings import PropagationSettings, Settings

IOU, ERROR, CONFIDENCE, WANTED = 0.75, 0.05, 0.95, 0.95
LONG_SIDE = 320
ROUND = 11
"""Labels of a round: about one a clip."""

MOST_ROUNDS = 30

Rng = np.random.Generator
Spot = tuple[int, int]
"""(video, frame)."""


@dataclass(frozen=True, slots=True)
class Arm:
    """How a campaign is run: who chooses frames, and whether looks accept masks on the way or only all at once."""

    name: str
    strategy: str
    on_the_way: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """When people audit, and how much."""

    first: int
    every: int
    judged: int

    def is_due(self, round_id: int) -> bool:
        """Tell whether a look follows this round."""
        return round_id >= self.first and (round_id - self.first) % self.every == 0


ARMS = (Arm("value, certificates on the way", "value", True), Arm("uniform, audit at the end", "uniform", False))


class KeptWorld(World):
    """A world that keeps what it worked out, for the next run.

    Args:
        file: in which it is kept.
    """

    def __init__(self, clips: Sequence[Footage], propagator: FlowPropagator, file: Path) -> None:
        super().__init__(clips, propagator)
        self._file = file
        self._kept: dict[tuple, Any] = pickle.loads(file.read_bytes()) if file.is_file() else {}

    def between(self, video: int, labels: Labels, start: int, end: int) -> list[FrameQuality]:
        """Measure the frames between two neighbouring labels, once."""
        around = tuple((i, labels[i].key) for i in (start, end) if i in labels)
        return self._once(
            ("between", video, start, end, bool(labels), around), super().between, video, labels, start, end
        )

    def hazards(self, video: int, labels: Labels) -> NDArray[np.float64]:
        """Measure the hazard of each transition, once."""
        known = tuple((i, labels[i].key) for i in sorted(labels))
        return self._once(("hazards", video, known), super().hazards, video, labels)

    def _once(self, key: tuple, work: Callable[..., Any], video: int, *arguments: Any) -> Any:
        key = (self.clips[video].name, *key)
        if key not in self._kept:
            self._kept[key] = work(video, *arguments)
        return self._kept[key]

    def keep(self) -> None:
        """Write what is known by now."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with replaced(self._file) as temporary:
            temporary.write_bytes(pickle.dumps(self._kept))


@dataclass
class Campaign:
    """A campaign under way.

    Attributes:
        frozen: what accepted masks are worth, by spot.
        looks: that were taken, which share the risk.
        judging, labelling: human seconds so far.
    """

    world: World
    arm: Arm
    seed: int
    labels: dict[int, dict[int, Label]]
    frozen: dict[Spot, FrameQuality] = field(default_factory=dict)
    looks: int = 0
    judging: float = 0.0
    labelling: float = 0.0
    rounds: int = 0

    @classmethod
    def begin(cls, world: World, arm: Arm, seed: int) -> "Campaign":
        """Begin without labels."""
        return cls(world, arm, seed, {v: {} for v in range(len(world.clips))})

    def outcomes(self) -> dict[int, list[FrameQuality]]:
        """Return what is delivered now; accepted masks stay as they were, and are relied on."""
        found = {v: list(self.world.outcomes(v, mine)) for v, mine in self.labels.items()}
        for (video, frame), kept in self.frozen.items():
            found[video][frame] = kept
        return found

    def label(self, settings: Settings) -> bool:
        """Label one round more; False where no frame is left to ask for."""
        self.rounds += 1
        rng, person = np.random.default_rng([self.seed, self.rounds]), exact_masks(self.world, settings.annotator)
        pool, kept = make_pool(self.world, self.labels, self.outcomes()), Frames.of(*_columns(self.frozen))
        free = pool.candidates.without(kept)
        if not len(free):
            return False
        shown = {v: dict(mine) for v, mine in self.labels.items()}
        pool = replace(pool, load=lambda: free)
        for one in select(self.arm.strategy, pool, min(ROUND, len(free)), settings.selection, rng):
            video, frame = one.frame.video_id, one.frame.frame_idx
            answered, _, seconds = person(video, frame, one.kind, shown[video], rng)
            self.labelling += seconds
            if answered is not None:
                self.labels[video][frame] = answered
        return True

    def look(self, judged: int, settings: Settings) -> list[Spot]:
        """Audit what nobody made or accepted; returns what is accepted."""
        self.looks += 1
        outcomes = self.outcomes()
        population, overlap = self.population(outcomes)
        if not len(population):
            return []
        rng = np.random.default_rng([self.seed, self.rounds, 1])
        sample = draw_sample(population, seed=int(rng.integers(2**31)), judged=judged, blind=0, frames=0, iou=IOU)
        said: dict[UnitKey, AuditAnswer] = {}
        for unit, row in zip(sample.units, population.rows_of(sample.units), strict=True):
            seems = overlap[row] + rng.normal(0, settings.annotator.judgement_error)
            said[unit.key] = AuditAnswer(unit.key, "ann", f"{row}", good=bool(seems >= IOU))
        self.judging += len(sample.units) * settings.audit.judge_seconds
        claim = Claim(IOU, ERROR, risk_of_look(self.looks, CONFIDENCE), Grade.JUDGED)
        accepted = certify(population, [sample], said, claim).accepted
        if not accepted:
            return []
        bad = {(u.frame.video_id, u.frame.frame_idx) for u in sample.units if not said[u.key].good}
        above = np.flatnonzero(population.confidence >= accepted[0].confidence)
        spots = [(int(population.video_id[row]), int(population.frame_idx[row])) for row in above]
        kept = [spot for spot in spots if spot not in bad]
        if self.arm.on_the_way:
            for video, frame in kept:
                whole = outcomes[video][frame]
                self.frozen[video, frame] = replace(whole, confidences=dict.fromkeys(whole.confidences, 1 - ERROR))
        return kept

    def population(self, outcomes: Mapping[int, list[FrameQuality]]) -> tuple[Population, NDArray[np.float64]]:
        """Return the masks that a look is about, and the overlap of each with the truth."""
        rows = [
            (video, frame, track, confidence, one.j)
            for video, mine in outcomes.items()
            for frame, one in enumerate(mine)
            if frame not in self.labels[video] and (video, frame) not in self.frozen
            for track, confidence in one.confidences.items()
        ]
        video, frame, track, sure, overlap = np.array(rows, float).reshape(-1, 5).T
        whole = (video.astype(np.int64), frame.astype(np.int64), track.astype(np.int64))
        one, made = np.ones(len(rows), np.int64), np.full(len(rows), "propagated")
        none = np.empty(0, np.int64)
        return Population(self.rounds, *whole, one, made, np.clip(sure, 0, 1), none, none), overlap

    def share(self, accepted: list[Spot]) -> float:
        """Return the share of all masks that are human or accepted."""
        outcomes = self.outcomes()
        human = sum(bool(label.masks) for mine in self.labels.values() for label in mine.values())
        machine = sum(
            bool(one.confidences) and frame not in self.labels[video]
            for video, mine in outcomes.items()
            for frame, one in enumerate(mine)
        )
        done = len(set(accepted) | set(self.frozen))
        return (human + done) / max(human + machine, 1)

    def bad(self, accepted: list[Spot]) -> float:
        """Return the share of accepted masks that are not good enough."""
        outcomes = self.outcomes()
        spots = set(accepted) | set(self.frozen)
        return sum(outcomes[video][frame].j < IOU for video, frame in spots) / len(spots) if spots else 0.0


def run(world: World, arm: Arm, schedule: Schedule, seed: int, settings: Settings) -> dict[str, float | bool]:
    """Run one campaign until it has what is wanted, and return what it took."""
    campaign, accepted, share = Campaign.begin(world, arm, seed), list[Spot](), 0.0
    for round_id in range(1, MOST_ROUNDS + 1):
        left = campaign.label(settings)
        if left and not schedule.is_due(round_id):
            continue
        accepted = campaign.look(schedule.judged, settings)
        share = campaign.share(accepted)
        if share >= WANTED or not left:
            break
    human = sum(len(mine) for mine in campaign.labels.values())
    return {
        "seconds": campaign.labelling + campaign.judging,
        "labelling": campaign.labelling,
        "judging": campaign.judging,
        "human_frames": human,
        "looks": campaign.looks,
        "rounds": campaign.rounds,
        "share": share,
        "reached": share >= WANTED,
        "bad": campaign.bad(accepted),
    }


def _columns(spots: Mapping[Spot, FrameQuality]) -> tuple[list[int], list[int]]:
    return [video for video, _ in spots], [frame for _, frame in spots]


def _known(out: Path) -> Iterator[dict]:
    for line in out.read_text(encoding="utf-8").splitlines() if out.is_file() else ():
        yield json.loads(line)


Key = tuple[int, int, int]
"""A schedule: first look, rounds between looks, judgements."""


def table_of(rows: list[dict], pairs: list[tuple[Key, Key]]) -> Table:
    """Return a row a pair of schedules: both arms over the seeds that both have, and their ratio."""
    names = [arm.name for arm in ARMS]
    table = Table("first look, every, judged", "seeds", *names, "ratio", "95 %", "reached", "bad", "losses")
    for pair in pairs:
        by_arm = [
            {r["seed"]: r for r in rows if (tuple(r["schedule"]), r["arm"]) == (own, name)}
            for own, name in zip(pair, names, strict=True)
        ]
        seeds = sorted(by_arm[0].keys() & by_arm[1].keys())
        if not seeds:
            continue
        mine = [[each[s] for s in seeds] for each in by_arm]
        seconds = np.array([[r["seconds"] for r in each] for each in mine])
        weights = bootstrap_weights(len(seeds), np.random.default_rng(0)) if len(seeds) > 1 else None
        drawn = None if weights is None else (weights @ seconds[1]) / (weights @ seconds[0])
        told = [
            f"{mean(r['seconds'] for r in each):,.0f} s ({mean(r['labelling'] for r in each):,.0f} labelling "
            f"{mean(r['human_frames'] for r in each):.0f} frames, {mean(r['judging'] for r in each):,.0f} "
            f"judging in {mean(r['looks'] for r in each):.1f} looks)"
            for each in mine
        ]
        table.add_row(
            " | ".join(str(list(own)) for own in dict.fromkeys(pair)),
            str(len(seeds)),
            *(*told, f"{seconds[1].mean() / seconds[0].mean():.2f}"),
            "" if drawn is None else f"{np.quantile(drawn, 0.025):.2f} to {np.quantile(drawn, 0.975):.2f}",
            " ".join(f"{mean(r['reached'] for r in each):.0%}" for each in mine),
            " ".join(f"{mean(r['bad'] for r in each):.3f}" for each in mine),
            f"{(seconds[0] > seconds[1]).sum()} of {len(seeds)}",
        )
    return table


def pairs_in(text: str) -> list[tuple[Key, Key]]:
    """Read schedules: ``4,4,160;4,4,160|16,6,160``."""
    found = []
    for one in text.split(";"):
        first, *second = (tuple(map(int, own.split(","))) for own in one.split("|"))
        found.append((first, second[0] if second else first))
    return found


@click.command()
@click.option("--data", "folders", required=True, multiple=True, type=click.Path(exists=True, path_type=Path))
@click.option("--cache", required=True, type=click.Path(file_okay=False, path_type=Path), help="Of optical flow.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="A line a campaign.")
@click.option("--seeds", default="100:110", show_default=True, help="FIRST:LAST, the last one left out.")
@click.option("--schedules", default="4,2,120", show_default=True, help="FIRST,EVERY,JUDGED of each, with ; between.")
@click.option("--clips", "names", default="", help="Only these, with commas between.")
def main(folders: tuple[Path, ...], cache: Path, out: Path, seeds: str, schedules: str, names: str) -> None:
    """Run both arms on the same seeds and print what each took, losses included."""
    clips = [clip for folder in folders for clip in clips_of(folder, names.split(",") if names else None, LONG_SIDE)]
    flow = FlowPropagator(FlowStore(cache / "flow"), PropagationSettings(methods=("flow",)))
    world = KeptWorld(clips, flow, cache / "deliveries.pickle")
    settings = Settings().changed({"selection.frames_per_round": ROUND, "selection.min_gap": 0})
    rows = list(_known(out))
    done = {(tuple(r["schedule"]), r["arm"], r["seed"]) for r in rows}
    out.parent.mkdir(parents=True, exist_ok=True)
    pairs = pairs_in(schedules)
    for seed in range(*map(int, seeds.split(":"))):
        for arm, key in ((arm, key) for pair in pairs for arm, key in zip(ARMS, pair, strict=True)):
            if (key, arm.name, seed) in done:
                continue
            started = time.process_time()
            found = run(world, arm, Schedule(*key), seed, settings)
            row = {"schedule": key, "arm": arm.name, "seed": seed, **found, "cpu": time.process_time() - started}
            world.keep()
            done.add((key, arm.name, seed))
            rows.append(row)
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            click.echo(f"{key} seed {seed} {arm.name}: {row['seconds']:,.0f} s, share {row['share']:.3f}")
    Console(width=220).print(table_of(rows, pairs))


if __name__ == "__main__":
    main()
