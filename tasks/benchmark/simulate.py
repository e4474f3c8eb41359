"""Whole campaigns against ground truth: the same videos, student, propagator and annotator for every strategy.

Every sequence is a campaign of its own, or all of them together are one, so that a strategy has to find out which of
them need labels most (a pool).

Each campaign is a project of its own; they share decoded frames and flow. A campaign that is finished is not run
again, one that was killed goes on, so the same command may be given until it is through.
"""

import json
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

from rich.console import Console

from al_core.errors import BadSettings, FewframesError, UnknownName
from al_core.files import write_whole
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import Identities, whole_video
from al_core.selection import STRATEGIES
from al_core.settings import Settings
from tasks.ledger.client import open_ledger
from tasks.processes.children import die_with_owner, use_threads
from tasks.processes.heartbeat import beat_as_worker, watched_workers
from tasks.progress import counting
from tasks.scheduling.prefect_server import prefect_server, without_heartbeat

Record = dict[str, Any]

POOL = "pool"
"""What a campaign on all sequences together is called."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign of a simulation: a sequence, or a pool of them, labelled with one strategy and one seed."""

    sequence: str
    strategy: str
    seed: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """What is simulated.

    Attributes:
        data: folder in DAVIS layout, with masks.
        budget: human frames of a whole campaign, shared over ``rounds`` rounds.
        settings: common to all campaigns; strategy, seed and budget are set per campaign.
        pool: the sequences that are one campaign together; none where each is its own.
    """

    data: Path
    campaigns: tuple[Campaign, ...]
    rounds: int
    budget: int
    settings: Settings
    identities: Identities
    pool: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        data: Path,
        sequences: Sequence[str] | None,
        strategies: Sequence[str],
        seeds: int,
        rounds: int,
        budget: int,
        settings: Settings,
        identities: str = "persistent",
        pooled: bool = False,
    ) -> "Simulation":
        """Every sequence, or all of them together, with every strategy and seed.

        Args:
            sequences: None means all that are there.
            pooled: one campaign labels all sequences.

        Raises:
            UnknownName: a sequence or strategy that does not exist.
            BadSettings: fewer frames than rounds.
        """
        found = _sequences(data)
        for sequence in sequences or found:
            if sequence not in found:
                raise UnknownName("sequence", sequence, found)
        for strategy in strategies:
            if strategy not in STRATEGIES:
                raise UnknownName("strategy", strategy, STRATEGIES)
        if budget < rounds:
            raise BadSettings(f"a campaign of {rounds} rounds needs a budget of at least {rounds} frames, got {budget}")
        wanted = tuple(sequences or found)
        campaigns = tuple(
            Campaign(sequence, strategy, seed)
            for sequence in ((POOL,) if pooled else wanted)
            for seed in range(seeds)
            for strategy in strategies
        )
        pool = wanted if pooled else ()
        return cls(data.resolve(), campaigns, rounds, budget, settings, Identities(identities), pool)

    def folders_of(self, campaign: Campaign) -> list[Path]:
        """Where the frames of a campaign lie."""
        return [_frames_folder(self.data) / name for name in self.pool or (campaign.sequence,)]

    def settings_of(self, campaign: Campaign) -> Settings:
        """The common settings with what is this campaign's own."""
        return self.settings.changed(
            {
                "seed": campaign.seed,
                "annotator.backend": "simulated",
                "selection.strategy": campaign.strategy,
                "selection.frames_per_round": -(-self.budget // self.rounds),
                "selection.planned_frames": self.budget,
                "selection.control_share": 0.0,
                "stopping.max_rounds": self.rounds,
                "stopping.max_human_frames": self.budget,
            }
        )


CampaignRunner = Callable[[Project, Settings, Callable[[Any], None]], object]
"""Runs the rounds of a project, and tells of each one that finishes; a function of a module, so that it can be named
to another process."""


def simulate_campaigns(
    plan: Simulation, out: Path, work: Path, workers: int | None, console: Console, run_campaign: CampaignRunner
) -> list[Record]:
    """Run a plan's campaigns in parallel processes and write one JSON record per campaign and round.

    Args:
        out: written anew after every finished campaign, so that it can be looked at early.
        work: the campaigns' projects, kept for resuming.
        workers: processes; None takes one per core.
    """
    cores = os.cpu_count() or 1
    workers = min(workers or cores, len(plan.campaigns))
    out.parent.mkdir(parents=True, exist_ok=True)
    records: list[Record] = []
    context = multiprocessing.get_context("spawn")
    signs = work.resolve() / "workers"
    with context.Manager() as manager, prefect_server(work.resolve() / "prefect"):
        rounds_done = manager.Queue()
        with (
            watched_workers(signs),
            ProcessPoolExecutor(
                workers, context, initializer=_prepare, initargs=(max(cores // workers, 1), signs)
            ) as pool,
            counting("rounds", rounds_done, len(plan.campaigns) * plan.rounds, console),
        ):
            futures = [
                pool.submit(run_one, plan, campaign, work.resolve(), rounds_done, run_campaign)
                for campaign in plan.campaigns
            ]
            try:
                for future in as_completed(futures):
                    found = future.result()
                    records = _ordered(plan, [*records, *found])
                    write_whole(out, json.dumps(records, indent=1).encode())
                    console.print(_line(found), highlight=False)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return records


def run_one(
    plan: Simulation, campaign: Campaign, work: Path, rounds_done: "Queue[int]", run_campaign: CampaignRunner
) -> list[Record]:
    """Run one campaign to its end, or find it finished; returns its records.

    Args:
        rounds_done: gets the number of every finished round.
    """
    from tasks.project.ingest import ingest_paths

    project = Project.at(work / campaign.sequence / f"{campaign.strategy}-{campaign.seed}", work / "cache")
    ledger = open_ledger(project)
    if not ledger.videos():
        sources = plan.folders_of(campaign)
        report = ingest_paths(ledger, sources, identities=plan.identities, category="object")
        if report.failed:
            raise FewframesError("; ".join(entry.describe() for entry in report.failed))
    for this in ledger.rounds():
        if this.finished_at is not None:
            rounds_done.put(this.round_id)
    with without_heartbeat():
        run_campaign(project, plan.settings_of(campaign), lambda outcome: rounds_done.put(outcome.round_id))
    return campaign_records(project, campaign)


def campaign_records(project: Project, campaign: Campaign) -> list[Record]:
    """One record per finished round, from the ledger alone.

    ``j``, ``f``, ``jf`` and ``ap50`` are of the delivered masks over all frames that no human labelled, means over
    the videos; a pool's records have the figures of each video too. ``seconds_overhead`` is the round's time without
    training and prediction.
    """
    ledger = open_ledger(project)
    videos = {video.video_id: video.name for video in ledger.videos()}
    metrics = _metrics(ledger)
    effort = {row["round_id"]: row for row in ledger.coverage()}
    records = []
    for this in ledger.rounds():
        if this.finished_at is None:
            continue
        seconds = {step.name: step.seconds for step in ledger.steps(this.round_id)}
        whole = (this.finished_at - this.started_at).total_seconds()
        records.append(
            {
                "sequence": campaign.sequence,
                "strategy": campaign.strategy,
                "seed": campaign.seed,
                "round": this.round_id,
                "human_frames": effort[this.round_id]["human_frames"],
                "human_seconds": effort[this.round_id]["human_seconds"],
                **{name: _mean_over_videos(metrics, this.round_id, name) for name in METRICS},
                "seconds_train": seconds.get("train", 0.0),
                "seconds_predict": seconds.get("predict", 0.0),
                "seconds_overhead": whole - seconds.get("train", 0.0) - seconds.get("predict", 0.0),
            }
        )
        if campaign.sequence == POOL:
            records[-1]["videos"] = [
                {"video": name, **{m: metrics.get((this.round_id, video_id, m)) for m in METRICS}}
                for video_id, name in videos.items()
            ]
    return records


METRICS = ("j", "f", "jf", "ap50")


def _metrics(ledger: Ledger) -> dict[tuple[int, int, str], float]:
    """By round, video and metric: the figures of whole videos."""
    rows = ledger.quality()
    return {(row.round_id, row.video_id, name): row.value for name in METRICS for row in whole_video(rows, name)}


def _mean_over_videos(metrics: dict[tuple[int, int, str], float], round_id: int, metric: str) -> float | None:
    found = [value for (this, _, name), value in metrics.items() if (this, name) == (round_id, metric)]
    return sum(found) / len(found) if found else None


def _prepare(threads: int, signs_of_life: Path) -> None:
    die_with_owner()
    beat_as_worker(signs_of_life)
    use_threads(threads)


def _line(records: Sequence[Record]) -> str:
    """How one campaign went, in a line."""
    last = records[-1]
    quality = "no truth" if last["jf"] is None else f"J&F {last['jf']:.3f}"
    who = f"{last['sequence']}, {last['strategy']}, seed {last['seed']}"
    return f"{who}: {quality} with {last['human_frames']} human frames"


def _sequences(data: Path) -> list[str]:
    return sorted(p.name for p in _frames_folder(data).iterdir() if p.is_dir())


def _frames_folder(data: Path) -> Path:
    """The folder of sequences: DAVIS keeps them under the name of their resolution."""
    root = data / "JPEGImages"
    if not root.is_dir():
        raise BadSettings(f"{data}: expected a folder in DAVIS layout, with JPEGImages/ and Annotations/ in it")
    inner = [p for p in sorted(root.iterdir()) if p.is_dir()]
    holds_frames = any(f.suffix.lower() in (".jpg", ".jpeg", ".png") for p in inner[:1] for f in p.iterdir())
    return root if holds_frames or not inner else inner[0]


def _ordered(plan: Simulation, records: list[Record]) -> list[Record]:
    order = {(c.sequence, c.strategy, c.seed): i for i, c in enumerate(plan.campaigns)}
    return sorted(records, key=lambda r: (order[r["sequence"], r["strategy"], r["seed"]], r["round"]))
