"""What the student and its teachers add to masks that are carried anyway, and what they take: rounds without a ledger.

python -m tests.bench.accuracy.student_ablation --data DAVIS --sequences libby,drift-straight --out found.json \
    --cache FOLDER --labels 2,4,8 --seeds 100,101 --workers 4

The clips are one pool, as in a project. A round has so many evenly spaced labels in each clip; its student starts from
that of the round before, as in a campaign. Each way to predict is held against delivering without teachers, on frames
that nobody labelled; and how far the uncertainty that it tells goes with the error of what is delivered is told as the
rank correlation over these frames, within each clip. What is carried depends on no student and is made once. Settings
that decide how long it takes can be lowered with ``--set``; with ``--device`` it runs on a GPU. What is done is kept in
the folder ``--cache``, which holds for one choice of footage and settings: the same command goes on where it was
stopped, and with ``--tell`` prints what is there. With ``--ask value`` the labels are in the frames for which that
strategy asks on the whole pool, where it knows what flow carries and no student.
"""

import json
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from scipy.stats import spearmanr

from al_core.benchmark.simulated_people import annotator_of
from al_core.benchmark.world import World as Carried
from al_core.benchmark.world import run_campaign
from al_core.evaluation.video_quality import evaluate_video
from al_core.files import replaced
from al_core.footage.clips import Clip, clips_of
from al_core.fusion import combine, fuse, propagations
from al_core.fusion.choice import choose
from al_core.propagation import Resources, build
from al_core.propagation.base import PropagatedFrame, Replay
from al_core.propagation.flow import FlowPropagator
from al_core.propagation.identity import link_identities
from al_core.records import ALL, DeliveredMask, FrameLabel, FrameRef, Identities
from al_core.settings import AUTO, AnnotatorSettings, PropagationSettings, SelectionSettings, Settings
from al_core.stores.optical_flow import FlowStore
from al_core.stores.predictions import FramePrediction
from al_core.students.build import load_members
from al_core.students.train import TrainingSample, train_student
from al_core.uncertainty.augment import views_named
from al_core.uncertainty.ensemble import in_fast_layout, in_fast_precision, predict_frames, weakest_score
from al_core.uncertainty.scores import FrameScorer, expected_objects
from al_core.uncertainty.scores import combine as combined_score
from tasks.benchmark.one_clip import evenly, labels_of
from tasks.steps.propagate import Decoded
from tests.bench.accuracy.propagators import interval

WITHOUT = "no teachers"

ARMS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "every view": {"teachers.agreement_iou": 1.0},
    "one view": {"teachers.views": ("identity",)},
    "one teacher": {"teachers.decays": "slowest", "teachers.agreement_iou": 1.0},
    "one teacher and view": {"teachers.decays": "slowest", "teachers.views": ("identity",)},
}
"""Ways to predict, by the settings that they change."""

SIDE = 240
"""Pixels at which a strategy sees the footage."""

Row = dict[str, Any]


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--sequences", help="Comma-separated names; default: all.")
@click.option("--per-frame", is_flag=True, help="Numbers of objects hold within a frame only, as those of cells.")
@click.option("--methods", default="flow", show_default=True, help='Comma-separated propagators; "auto" is one too.')
@click.option("--labels", "counts", default="2,4,8", show_default=True, help="Labelled frames a clip, by round.")
@click.option("--ask", default="evenly", show_default=True, help="Evenly spaced frames, or the name of a strategy.")
@click.option("--seeds", default="100,101,102", show_default=True)
@click.option("--arms", default=",".join(ARMS), show_default=True, help="Ways to predict.")
@click.option("--device", default="auto", show_default=True, help="Of the student.")
@click.option("--workers", default=1, show_default=True)
@click.option("--set", "changes", multiple=True, help="A setting by its dotted name, as NAME=JSON.")
@click.option("--tell", is_flag=True, help="Run nothing; print what is there, of any round.")
@click.option("--cache", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
def main(
    data: Path,
    sequences: str | None,
    per_frame: bool,
    methods: str,
    counts: str,
    ask: str,
    seeds: str,
    arms: str,
    device: str,
    workers: int,
    changes: Sequence[str],
    tell: bool,
    cache: Path,
    out: Path,
) -> None:
    """Carry the labels, let a student of each seed go through the rounds, and tell what its masks add."""
    values = {name: json.loads(value) for name, _, value in (change.partition("=") for change in changes)}
    settings = Settings().changed({"student.device": device, **values})
    clips = clips_of(data, sequences.split(",") if sequences else None)
    labels = [int(n) for n in counts.split(",")]
    kind = Identities.PER_FRAME if per_frame else Identities.PERSISTENT
    world = World(clips, kind, labels, methods.split(","), arms.split(","), settings, cache)
    if not tell:
        if ask != "evenly":
            world.marks = asked(clips, labels, ask, cache)
        with ProcessPoolExecutor(workers, get_context("spawn"), initializer=one_thread) as pool:
            list(pool.map(world.carry, [(clip.name, n, m) for clip in clips for n in labels for m in world.methods]))
            list(pool.map(world.campaign, [int(seed) for seed in seeds.split(",")]))
    rows = [row for path in sorted((cache / "rows").glob("*.json")) for row in json.loads(path.read_text())]
    out.write_text(json.dumps({"settings": values, "device": device, "rows": rows}, indent=1) + "\n")
    for line in told(rows):
        click.echo(line)


def asked(clips: Sequence[Clip], counts: Sequence[int], strategy: str, cache: Path) -> dict[tuple[str, int], list[int]]:
    """Return the frames for which a strategy asks on the pool, by clip and labels a clip on average."""
    seen = [Clip(clip.source, SIDE) for clip in clips]
    settings = PropagationSettings(flow_long_side=SIDE)
    world, found = Carried(seen, FlowPropagator(FlowStore(cache / "flow"), settings)), {}
    steps = {after - before for before, after in pairwise([0, *counts])}
    if len(steps) > 1:
        raise click.UsageError("with --ask, every round has as many new labels: --labels 4,8,12")
    selection = SelectionSettings(
        strategy=strategy, frames_per_round=steps.pop() * len(clips), planned_frames=counts[-1] * len(clips),
        control_share=0.0,
    )  # fmt: skip
    annotate, rng = annotator_of(world, "mask", AnnotatorSettings()), np.random.default_rng(0)
    points = run_campaign(world, strategy, selection, len(counts), annotate, rng)
    for n_labels, point in zip(counts, points, strict=True):
        found |= {(clip.name, n_labels): sorted(point.labelled[v]) for v, clip in enumerate(clips)}
    return found


def one_thread() -> None:
    """Let processes side by side take one core each."""
    torch.set_num_threads(1)


class World:
    """The clips of a pool, their labels by round, and what is carried from them."""

    def __init__(
        self,
        clips: Sequence[Clip],
        identities: Identities,
        counts: Sequence[int],
        methods: Sequence[str],
        arms: Sequence[str],
        settings: Settings,
        cache: Path,
    ) -> None:
        self.arms = {arm: ARMS[arm] for arm in arms}
        self.clips = {clip.name: clip for clip in clips}
        self.identities = identities
        self.counts = counts
        self.methods = methods
        self.settings = settings
        self.cache = cache
        self.marks: dict[tuple[str, int], list[int]] = {}

    def seen(self, name: str) -> Clip:
        """Return a clip at the size at which a project works on it."""
        return Clip(self.clips[name].source, self.settings.frames.working_long_side)

    def labels(self, name: str, n_labels: int) -> dict[int, FrameLabel]:
        """Return the labels of a clip, with identities that hold for all of it."""
        marks = self.marks.get((name, n_labels)) or evenly(self.clips[name].n_frames, n_labels)
        known = labels_of(self.clips[name], marks)
        if self.identities is Identities.PER_FRAME:
            flow = build("flow", Resources(self.settings.propagation, self.cache))
            return {x.frame.frame_idx: x for x in link_identities(self.seen(name), known.values(), flow)}
        return known

    def carry(self, what: tuple[str, int, str]) -> None:
        """Carry the labels of a clip by one propagator, and keep what comes of it, with the processor seconds."""
        name, n_labels, method = what
        path = self._carried(*what)
        if path.exists():
            return
        labels, frames = self.labels(name, n_labels), self.seen(name)
        settings = self.settings.propagation.model_copy(update={"methods": (method,)})
        resources = Resources(settings, self.cache)
        started = time.process_time()
        choice = choose(resources, frames, Decoded(labels)) if method == AUTO else None
        names = (method,) if choice is None else choice.names
        sources = propagations(names, resources, frames, Decoded(labels))
        carried = combine(sources, labels) if choice is None else choice.of(sources, labels)
        kept = (list(carried()), time.process_time() - started)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(kept))

    def carried(self, *what: Any) -> tuple[list[PropagatedFrame], float]:
        """Return what :meth:`carry` kept."""
        frames, seconds = pickle.loads(self._carried(*what).read_bytes())
        return frames, seconds

    def _carried(self, name: str, n_labels: int, method: str) -> Path:
        return self.cache / "carried" / f"{name}-{n_labels}-{method}.pickle"

    def campaign(self, seed: int) -> None:
        """Train and deliver round by round; what is done is kept."""
        before: Path | None = None
        for number, n_labels in enumerate(self.counts, start=1):
            folder = self.cache / "students" / f"{'-'.join(self.clips)}-{seed}" / f"{number:04d}"
            train = partial(self._train, folder, seed * 1000 + number, n_labels, before)
            key = f"{seed}-{number:02d}"
            before = Path(self._kept(f"{key}-train", seed, train)[0]["checkpoint"])
            self._kept(f"{key}-{WITHOUT}", seed, partial(self._all_delivered, n_labels))
            for arm, changes in self.arms.items():
                self._kept(f"{key}-{arm}", seed, partial(self._arm, arm, changes, before, n_labels))

    def _kept(self, key: str, seed: int, make: Callable[[], Iterator[Row]]) -> list[Row]:
        path = self.cache / "rows" / f"{key}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = [{"seed": seed, **row} for row in make()]
            with replaced(path) as new:
                new.write_text(json.dumps(rows))
        found: list[Row] = json.loads(path.read_text())
        return found

    def _all_delivered(self, n_labels: int) -> Iterator[Row]:
        for name in self.clips:
            yield from self._delivered(WITHOUT, name, n_labels)

    def _train(self, folder: Path, seed: int, n_labels: int, before: Path | None) -> Iterator[Row]:
        started = time.process_time()
        student, clips = self.settings.student, [self.seen(name) for name in self.clips]
        samples = [
            TrainingSample(FrameRef(number, i), label.masks)
            for number, name in enumerate(self.clips, start=1)
            for i, label in self.labels(name, n_labels).items()
        ]
        trained = train_student(
            student,
            self.settings.teachers,
            samples,
            {1: "object"},
            lambda frame: clips[frame.video_id - 1].read(frame.frame_idx),
            folder,
            seed,
            student.iterations if before is not None else student.first_round_iterations,
            before,
        )
        seconds = time.process_time() - started
        yield {"labels": n_labels, "arm": "train", "seconds": seconds, "checkpoint": str(trained.checkpoint)}

    def _arm(self, arm: str, changes: Mapping[str, Any], checkpoint: Path, n_labels: int) -> Iterator[Row]:
        teachers = self.settings.teachers
        own = {name.partition(".")[2]: value for name, value in changes.items() if value != "slowest"}
        settings = teachers.model_copy(update=own)
        asked = settings.model_copy(update={"score_threshold": weakest_score(settings)})
        members = load_members(checkpoint, self.settings.student.device, asked)
        if changes.get("teachers.decays") == "slowest":
            members = [max(members, key=lambda member: member.name)]
        members = in_fast_precision(in_fast_layout(members))
        student, views = self.settings.student, views_named(settings.views)
        for name in self.clips:
            clip = self.seen(name)
            frames = ((i, clip.read(i)) for i in range(clip.n_frames))
            started = time.process_time()
            found = list(predict_frames(members, views, frames, settings, student.long_side, student.max_objects))
            seconds = time.process_time() - started
            yield from self._delivered(arm, name, n_labels, found, seconds)

    def _delivered(
        self,
        arm: str,
        name: str,
        n_labels: int,
        predicted: Sequence[FramePrediction] | None = None,
        seconds: float = 0.0,
    ) -> Iterator[Row]:
        """Yield how good the masks are, by what carried them."""
        clip, labels = self.clips[name], self.labels(name, n_labels)
        truth = labels_of(clip, clip.truth_frames)
        for method in self.methods:
            frames, carried_seconds = self.carried(name, n_labels, method)
            source: Callable[[], Iterator[FramePrediction]] | None = partial(iter, predicted) if predicted else None
            started = time.process_time()
            delivered = dict(fuse(labels, Replay(partial(iter, frames)), source, clip.size, self.settings.propagation))
            fused = time.process_time() - started
            whole = self._measured(delivered, truth, labels)
            yield {
                **{"labels": n_labels, "clip": name, "arm": arm, "method": method, "frames": clip.n_frames},
                **{"j": whole["j"], "f": whole["f"], "seconds": seconds},
                **{"carry_seconds": carried_seconds, "fuse_seconds": fused},
                **({"rank": self._told_by(predicted, delivered, truth, labels)} if predicted else {}),
            }

    def _measured(
        self,
        delivered: Mapping[int, Sequence[DeliveredMask]],
        truth: Mapping[int, FrameLabel],
        labels: Mapping[int, FrameLabel],
    ) -> dict[str, float]:
        """Return the figures of a clip over the frames of ``truth`` that nobody labelled."""
        rows = evaluate_video(delivered, truth, set(labels), self.identities)
        return {row.metric: row.value for row in rows if (row.track_id, row.provenance) == (None, ALL)}

    def _told_by(
        self,
        predicted: Sequence[FramePrediction],
        delivered: Mapping[int, Sequence[DeliveredMask]],
        truth: Mapping[int, FrameLabel],
        labels: Mapping[int, FrameLabel],
    ) -> float:
        """Return the rank correlation of the uncertainty with the error 1 - J; 0 where one of them is the same
        everywhere."""
        scorer = FrameScorer(expected_objects({i: len(label.objects) for i, label in labels.items()}))
        for frame in predicted:
            scorer.add(frame)
        scores = combined_score(scorer.components(), self.settings.uncertainty)
        score = {frame.frame_idx: value for frame, value in zip(predicted, scores, strict=True)}
        free = [i for i in truth if i not in labels]
        error = [1 - self._measured(delivered, {i: truth[i]}, labels)["j"] for i in free]
        return float(np.nan_to_num(spearmanr([score[i] for i in free], error).statistic))


def told(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a line for each way to predict: mean J, the difference to none over clips, and seconds."""
    head = ("carried by", "labels", "teachers", "mean J", "more than without (95 % over clips)", "rank correlation")
    yield f"| {' | '.join(head)} | predict s | train s |"
    yield "|---|---|---|---|---|---|---|---|"
    measured = [row for row in rows if "j" in row]
    for method, n_labels in sorted({(row["method"], row["labels"]) for row in measured}):
        here = [row for row in measured if (row["method"], row["labels"]) == (method, n_labels)]
        base = by_clip([row for row in here if row["arm"] == WITHOUT])
        trained = [row["seconds"] for row in rows if row["arm"] == "train" and row["labels"] == n_labels]
        for arm in dict.fromkeys((WITHOUT, *(row["arm"] for row in here))):
            found = by_clip([row for row in here if row["arm"] == arm])
            more = [found[name] - base[name] for name in base]
            seconds = sum(row["seconds"] for row in here if row["arm"] == arm) / max(len(trained), 1)
            words = "" if arm == WITHOUT else f"{np.mean(more):+.3f} ({interval(more)})"
            ranks = [row["rank"] for row in here if row["arm"] == arm and "rank" in row]
            told_by = f"{np.mean(ranks):.2f}" if ranks else ""
            yield (
                f"| {method} | {n_labels} | {arm} | {np.mean(list(found.values())):.3f} | {words} | {told_by} | "
                f"{seconds:.1f} | "
                f"{0 if arm == WITHOUT else np.mean(trained):.0f} |"
            )


def by_clip(rows: Sequence[Row]) -> dict[str, float]:
    """Return the mean J over seeds, by clip."""
    names = sorted({row["clip"] for row in rows})
    return {name: float(np.mean([row["j"] for row in rows if row["clip"] == name])) for name in names}


if __name__ == "__main__":
    main()
