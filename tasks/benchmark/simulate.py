"""Whole campaigns against ground truth: the same videos, student, propagator and annotator for every strategy.

Every sequence is a campaign of its own, or all of them together are one, so that a strategy has to find out which of
them need labels most (a pool).

Each campaign is a project of its own; they share decoded frames and flow. A campaign that is finished is not run
again, one that was killed goes on, so the same command may be given until it is through.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Queue
from statistics import fmean
from typing import Any

from rich.console import Console

from al_core.benchmark.curve_points import SimulatedRound, SimulatedVideo, write_rounds
from al_core.errors import BadSettings, FewframesError
from al_core.footage.clips import Clip, clips_of
from al_core.ledger.store import Ledger, Round
from al_core.project import Project
from al_core.records import Identities, whole_video
from al_core.selection import STRATEGIES
from al_core.settings import Settings
from tasks.benchmark.workers import run_jobs
from tasks.ledger.client import open_ledger
from tasks.processes.project_log import RUN_LOG, logging_to
from tasks.scheduling.prefect_server import prefect_server, without_heartbeat, without_logs

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
    """Every sequence of a folder in DAVIS layout, with every strategy and seed.

    Attributes:
        sequences: only these; None for all.
        budget: human frames of a whole campaign, shared over ``rounds`` rounds.
        settings: common to all campaigns; strategy, seed and budget are set per campaign.
        pooled: one campaign labels all sequences.
        first_seed: the seeds are this one and those that follow it.

    Raises:
        BadVideo: there is no such folder, or it holds no sequence.
        UnknownName: a sequence or strategy that does not exist.
        BadSettings: fewer frames than rounds.
    """

    data: Path
    sequences: tuple[str, ...] | None
    strategies: tuple[str, ...]
    seeds: int
    rounds: int
    budget: int
    settings: Settings
    identities: Identities = Identities.PERSISTENT
    pooled: bool = False
    first_seed: int = 0

    def __post_init__(self) -> None:
        for strategy in self.strategies:
            STRATEGIES.check(strategy)
        if self.budget < self.rounds:
            raise BadSettings(
                f"a campaign of {self.rounds} rounds needs a budget of at least {self.rounds} frames, got {self.budget}"
            )
        object.__setattr__(self, "data", self.data.resolve())
        self._clips()

    @property
    def campaigns(self) -> tuple[Campaign, ...]:
        """Every campaign, the strategies of a sequence and seed beside each other."""
        return tuple(
            Campaign(sequence, strategy, seed)
            for sequence in ((POOL,) if self.pooled else [clip.name for clip in self._clips()])
            for seed in range(self.first_seed, self.first_seed + self.seeds)
            for strategy in self.strategies
        )

    def folders_of(self, campaign: Campaign) -> list[Path]:
        """Return the folders of frames that a campaign labels."""
        return [clip.source.path for clip in self._clips() if self.pooled or clip.name == campaign.sequence]

    def _clips(self) -> list[Clip]:
        clips = {clip.name: clip for clip in clips_of(self.data, self.sequences)}
        return [clips[name] for name in self.sequences or clips]

    def settings_of(self, campaign: Campaign) -> Settings:
        """Return the common settings with what is this campaign's own."""
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
) -> list[SimulatedRound]:
    """Run a simulation's campaigns in parallel processes and write one JSON record per campaign and round.

    Args:
        out: written whole after every finished campaign, so that it can be looked at early.
        work: the campaigns' projects, kept for resuming.
    """
    work = work.resolve()
    found: dict[Campaign, list[SimulatedRound]] = {}
    jobs = {campaign: partial(run_one, plan, campaign, work, run_campaign) for campaign in plan.campaigns}

    def add(campaign: Campaign, records: list[SimulatedRound]) -> None:
        found[campaign] = records
        write_rounds(in_order(), out)
        console.print(_summary(records), highlight=False)

    def in_order() -> list[SimulatedRound]:
        return [record for campaign in jobs for record in found.get(campaign, ())]

    with prefect_server(work / "prefect"):
        run_jobs(jobs, add, workers, work, ("rounds", len(jobs) * plan.rounds), console)
    return in_order()


def run_one(
    plan: Simulation, campaign: Campaign, work: Path, run_campaign: CampaignRunner, rounds_done: "Queue[int]"
) -> list[SimulatedRound]:
    """Run one campaign to its end, or find it finished; return its records.

    ``rounds_done`` gets the number of every finished round.
    """
    from tasks.project.ingest import ingest_paths

    project = Project.at(work / campaign.sequence / f"{campaign.strategy}-{campaign.seed}", work / "cache")
    ledger = open_ledger(project)
    if not ledger.videos():
        report = ingest_paths(ledger, plan.folders_of(campaign), identities=plan.identities, category="object")
        if report.failed:
            raise FewframesError("; ".join(entry.describe() for entry in report.failed))
    for this in ledger.rounds():
        if this.finished_at is not None:
            rounds_done.put(this.round_id)
    with without_heartbeat(), without_logs(), logging_to(project.root / RUN_LOG):
        run_campaign(project, plan.settings_of(campaign), lambda outcome: rounds_done.put(outcome.round_id))
    return campaign_records(project, campaign)


def campaign_records(project: Project, campaign: Campaign) -> list[SimulatedRound]:
    """Return one record per finished round, from the ledger alone.

    ``j``, ``f``, ``jf`` and ``ap50`` are of the delivered masks over all frames that no human labelled, means over
    the videos; a pool's records have the figures of each video too. ``seconds_overhead`` is the round's time without
    training and prediction.
    """
    ledger = open_ledger(project)
    effort = {row["round_id"]: row for row in ledger.coverage()}
    return [
        _record(ledger, campaign, this, effort[this.round_id])
        for this in ledger.rounds()
        if this.finished_at is not None
    ]


def _record(ledger: Ledger, campaign: Campaign, this: Round, effort: Mapping[str, Any]) -> SimulatedRound:
    assert this.finished_at is not None
    quality = ledger.quality(this.round_id)
    seconds = {step.name: step.seconds or 0.0 for step in ledger.steps(this.round_id)}
    train, predict = seconds.get("train", 0.0), seconds.get("predict", 0.0)
    figures = {metric: {row.video_id: row.value for row in whole_video(quality, metric)} for metric in METRICS}
    return SimulatedRound(
        sequence=campaign.sequence,
        strategy=campaign.strategy,
        seed=campaign.seed,
        round=this.round_id,
        human_frames=effort["human_frames"],
        human_seconds=effort["human_seconds"],
        **{metric: fmean(values.values()) if values else None for metric, values in figures.items()},
        seconds_train=train,
        seconds_predict=predict,
        seconds_overhead=(this.finished_at - this.started_at).total_seconds() - train - predict,
        videos=tuple(
            SimulatedVideo(video.name, **{metric: values.get(video.video_id) for metric, values in figures.items()})
            for video in (ledger.videos() if campaign.sequence == POOL else ())
        ),
    )


METRICS = ("j", "f", "jf", "ap50")


def _summary(records: Sequence[SimulatedRound]) -> str:
    """Return how one campaign went, in a line."""
    last = records[-1]
    quality = "no truth" if last.jf is None else f"J&F {last.jf:.3f}"
    return f"{last.sequence}, {last.strategy}, seed {last.seed}: {quality} with {last.human_frames} human frames"
