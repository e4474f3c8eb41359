"""J of each propagator alone, of their fusion and of what ``auto`` chooses, on clips with truth.

python -m tests.bench.propagation.member_table FOLDER --runs RUNS --labels 1,2,4,8 --workers 16 --out FIGURES.json

FOLDER holds copies that :mod:`tests.bench.propagation.small_copies` wrote. Every propagator runs once for each clip and
number of labels, and once for each fold of labels left out, in processes of one thread; RUNS keeps what came, so that
choice and fusion can be tried again in seconds. One label is the first frame's; several are spaced evenly over the
frames whose truth is known. J is the mean over objects of the mean over frames that were not labelled; where an object
is neither there nor found it is 1.
"""

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from al_core.evaluation.metrics import j_and_f
from al_core.footage.clips import ClipFrames
from al_core.footage.images import working_size
from al_core.fusion import combine, fuse, members
from al_core.fusion.choice import Choice, choose
from al_core.fusion.gains import SHIPPED, Case
from al_core.fusion.held_out import FOLDS, tried
from al_core.fusion.pairing import Propagated
from al_core.masks.rle import decode, encode
from al_core.networks.network_state import Checkpoint, to_bytes
from al_core.propagation import Resources, build
from al_core.propagation.affinity.encoder import new_encoder
from al_core.propagation.affinity.encoder_training import pairs_of, train, trained_encoder
from al_core.propagation.base import ENOUGH_LABELS
from al_core.propagation.specialist.network import new_network
from al_core.propagation.specialist.training import train_parent
from al_core.records import FrameLabel, FrameRef, MaskLabel
from al_core.settings import AUTO, PropagationSettings
from al_core.stores.disk_cache import DiskCache
from tests.bench.propagation.recorded_runs import RecordedRuns
from tests.bench.propagation.small_copies import SmallCopy, copies_of

MEMBERS = ("flow", "specialist", "affinity")
FUSED = (("flow", "affinity"), ("flow", "specialist"), ("specialist", "affinity"), MEMBERS)
"""What is combined by the confidences alone."""

UNTRAINED, CORPUS = "affinity, untrained", "affinity, other footage"
PARENT = "specialist, parent"
CORPUS_STEPS = 1200
PARENT_STEPS = 1000
PARENT_LABELS = 8


class Place(NamedTuple):
    """Where a run reads and writes."""

    runs: Path
    cache: Path
    encoder: Path
    parent: Path


class Job(NamedTuple):
    """One clip with some labels, and one propagator."""

    copy: SmallCopy
    n_labels: int
    member: str
    left_out: bool = False


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--runs", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--labels", "counts", default="1,2,4,8", show_default=True)
@click.option("--brief-labels", default="1,4", show_default=True, help="Of composites.")
@click.option(
    "--corpus",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Copies that one encoder and one parent learn from.",
)
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1))
@click.option("--clips", help="Comma-separated names; default: all.")
@click.option("--only-read", is_flag=True, help="Run no propagator.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path))
def main(
    folder: Path,
    runs: Path,
    counts: str,
    brief_labels: str,
    corpus: Path | None,
    workers: int,
    clips: str | None,
    only_read: bool,
    out: Path | None,
) -> None:
    """Run what was not run yet, then tell what comes of it."""
    copies = copies_of(folder, clips.split(",") if clips else None)
    place = Place(runs, runs / "cache", runs / "corpus.pt", runs / "parent.pt")
    wide, brief = (tuple(map(int, given.split(","))) for given in (counts, brief_labels))
    cases = [
        (copy, n) for copy in copies for n in (brief if is_composite(copy) else wide) if n < len(copy.truth_frames)
    ]
    started = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(workers, one_thread) as pool:
        if not only_read:
            first: list[Callable[[], Any]] = []
            if corpus is not None:
                first = [partial(learn, place, copies_of(corpus)) for learn in (learn_encoder, learn_parent)]
            first += [partial(prepare, place, copy) for copy in copies]
            each(pool, first, "prepared")
            each(pool, [partial(make, place, job) for job in jobs_of(cases, corpus is not None)], "run")
        figures = each(pool, [partial(figures_of, place, copy, n, SHIPPED) for copy, n in cases], "measured")
    if out is not None:
        out.write_text(json.dumps({"seconds": time.perf_counter() - started, "cases": figures}, indent=1) + "\n")
    for line in table(figures):
        click.echo(line)


def each(pool: Any, work: Sequence[Callable[[], Any]], what: str) -> list[Any]:
    """Do all of it, in any order; give results in the order of the work, without those of work that failed."""
    started, waiting = time.perf_counter(), [pool.apply_async(one) for one in work]
    found = []
    for done, (one, result) in enumerate(zip(work, waiting, strict=True), start=1):
        try:
            found.append(result.get())
        except Exception as error:
            click.echo(f"{what}: {one}: {error!r}", err=True)
        if done % 10 == 0 or done == len(waiting):
            click.echo(f"{what}: {done} of {len(waiting)}, {time.perf_counter() - started:.0f} s", err=True)
    return found


def one_thread() -> None:
    """Keep a worker to one processor core."""
    import cv2
    import torch

    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def is_composite(copy: SmallCopy) -> bool:
    """Tell whether a clip was put together from others."""
    return "-hidden-" in copy.name or "-on-" in copy.name


def jobs_of(cases: Iterable[tuple[SmallCopy, int]], with_corpus: bool) -> list[Job]:
    """All runs, the longest first."""
    jobs = []
    for copy, n in cases:
        more = [] if is_composite(copy) or n != 4 else [UNTRAINED, *([CORPUS, PARENT] if with_corpus else [])]
        jobs += [Job(copy, n, name) for name in (*MEMBERS, *more)]
        jobs += [Job(copy, n, name, left_out=True) for name in MEMBERS if n > 1]
    usual = {"specialist": 3, PARENT: 3, "affinity": 2, UNTRAINED: 2, CORPUS: 2}
    return sorted(jobs, key=lambda job: (-usual.get(job.member, 1), -job.copy.n_frames))


def labels_of(copy: SmallCopy, n_labels: int) -> dict[int, Mapping[int, NDArray[np.bool_]]]:
    """The first frame's label, or several spaced evenly over the frames whose truth is known."""
    known = copy.truth_frames
    marks = [0] if n_labels == 1 else [int(len(known) * (i + 0.5) / n_labels) for i in range(n_labels)]
    return {known[at]: copy.truth(known[at]) for at in marks}


def resources_of(place: Place, member: str = "") -> Resources:
    """What a propagator is built from."""
    changed: dict[str, Any] = {"methods": (AUTO,)}
    changed |= {
        UNTRAINED: {"encoder_steps": 0},
        CORPUS: {"encoder": str(place.encoder)},
        PARENT: {"parent": str(place.parent)},
    }.get(member, {})
    return Resources(PropagationSettings().model_copy(update=changed), place.cache)


def name_of(member: str) -> str:
    """Name of the propagator."""
    return member.split(",")[0]


def prepare(place: Place, copy: SmallCopy) -> None:
    """Compute the flow of a clip and train its encoder, for all that need them; tell how long the encoder took."""
    RecordedRuns(place.runs)(["flow"], resources_of(place), copy, labels_of(copy, 1))["flow"]()
    seconds = place.runs / f"{copy.name}.encoder"
    if not seconds.exists():
        started, steps = time.process_time(), PropagationSettings().encoder_steps
        trained_encoder(copy, flow_size(copy), DiskCache(place.cache / "affinity", 10**9), steps)
        seconds.write_text(f"{time.process_time() - started:.2f}")


def learn_encoder(place: Place, copies: Sequence[SmallCopy]) -> None:
    """Train one encoder on footage of many clips."""
    place.encoder.parent.mkdir(parents=True, exist_ok=True)
    if place.encoder.exists():
        return
    pairs = [pair for copy in copies for pair in pairs_of(copy, flow_size(copy), 0)]
    encoder, keep = new_encoder(0), Checkpoint(DiskCache(place.cache / "corpus", 10**9), "corpus.part")
    train(encoder, pairs, CORPUS_STEPS, 0, keep)
    place.encoder.write_bytes(to_bytes(encoder))


def learn_parent(place: Place, copies: Sequence[SmallCopy]) -> None:
    """Train one parent on labels of many clips."""
    if not place.parent.exists():
        flow = build("flow", resources_of(place))
        labelled = [(copy, labels_of(copy, min(PARENT_LABELS, len(copy.truth_frames))), flow) for copy in copies]
        parent = new_network(0, PropagationSettings().on_backbone)
        train_parent(parent, labelled, PropagationSettings().flow_long_side, PARENT_STEPS)
        place.parent.write_bytes(to_bytes(parent))


def flow_size(copy: ClipFrames) -> tuple[int, int]:
    """(height, width) of the flow."""
    return working_size(*copy.size, PropagationSettings().flow_long_side)


def make(place: Place, job: Job) -> None:
    """Run a propagator, or its trial on labels that are left out."""
    runs, resources, name = RecordedRuns(place.runs), resources_of(place, job.member), name_of(job.member)
    labels = labels_of(job.copy, job.n_labels)
    if job.left_out:
        folds = folds_of(labels)
        tried(name, resources, job.copy, labels, folds, run=runs)
    else:
        runs([name], resources, job.copy, labels)[name]()


def folds_of(labels: Mapping[int, Any]) -> int:
    """In how many parts labels are left out."""
    return 1 if len(labels) >= ENOUGH_LABELS else FOLDS


def figures_of(place: Place, copy: SmallCopy, n_labels: int, cases: Sequence[Case]) -> dict[str, Any]:
    """What each propagator, their fusion and auto reach."""
    runs, labels = RecordedRuns(place.runs, only_read=True), labels_of(copy, n_labels)
    resources = resources_of(place)
    made = runs(MEMBERS, resources, copy, labels)
    measure = partial(j_of, copy, labels)
    j = {name: measure(source) for name, source in made.items()}
    for names in FUSED:
        parts = {name: made[name] for name in members(names)}
        j["+".join(names)] = measure(combine(parts, labels))
    for member in (UNTRAINED, CORPUS, PARENT):
        try:
            (source,) = runs([name_of(member)], resources_of(place, member), copy, labels).values()
            j[member] = measure(source)
        except FileNotFoundError:
            continue
    choice = choose(resources, copy, labels, [case for case in cases if not copy.name.startswith(case.video)], run=runs)
    j["auto"] = measure(choice.of(made, labels))
    seconds = {name: runs.seconds(name, resources, copy, labels) for name in MEMBERS}
    trials = {name: trial_seconds(runs, resources, name, copy, labels) for name in MEMBERS if n_labels > 1}
    encoder = float((place.runs / f"{copy.name}.encoder").read_text())
    return {
        "clip": copy.name,
        "labels": n_labels,
        "j": j,
        "best": max(j[name] for name in MEMBERS),
        "seconds": seconds,
        "trial_seconds": trials,
        "encoder_seconds": encoder,
        "auto_seconds": seconds_of_auto(choice, seconds, trials, encoder),
        "chosen": {str(track): name for track, name in choice.by_track.items()},
        "tried": [list(outcome[:3]) for outcome in choice.outcomes],
        "looks": choice.looks,
    }


def trial_seconds(
    runs: RecordedRuns, resources: Resources, name: str, copy: SmallCopy, labels: Mapping[int, Any]
) -> float:
    """How long the runs of a trial took."""
    folds, marks, total = folds_of(labels), sorted(labels), 0.0
    for fold in range(FOLDS)[-folds:]:
        out = set(marks[fold::FOLDS])
        kept = {i: masks for i, masks in labels.items() if i not in out}
        total += runs.seconds(
            name, replace(resources, wanted=frozenset(out), trial=len(labels) < ENOUGH_LABELS), copy, kept
        )
    return total


def seconds_of_auto(choice: Choice, seconds: Mapping[str, float], trials: Mapping[str, float], encoder: float) -> float:
    """What trying and carrying took; the flow runs once more, to be looked at."""
    tried_names, used = {outcome.name for outcome in choice.outcomes}, set(choice.names)
    total = sum(trials.get(name, 0.0) for name in tried_names) + sum(seconds[name] for name in used) + seconds["flow"]
    return total + (encoder if "affinity" in tried_names | used else 0.0)


def j_of(copy: SmallCopy, labels: Mapping[int, Mapping[int, NDArray[np.bool_]]], source: Propagated) -> float:
    """Mean J over objects, of what is delivered where nobody labelled."""
    people = {
        i: FrameLabel(FrameRef(1, i), tuple(MaskLabel(track, 1, encode(mask)) for track, mask in masks.items()))
        for i, masks in labels.items()
    }
    by_track: dict[int, list[float]] = {}
    measured = [i for i in copy.truth_frames if i not in labels]
    tracks = sorted({t for i in copy.truth_frames for t in copy.truth(i)})
    for frame_idx, masks in fuse(people, source, None, copy.full_size, PropagationSettings()):
        if frame_idx not in measured:
            continue
        truth, ignored = copy.truth(frame_idx), copy.ignore(frame_idx)
        found = {mask.track_id: decode(mask.rle) for mask in masks}
        nothing = np.zeros(copy.full_size, bool)
        for track in tracks:
            at = found.get(track, nothing), truth.get(track, nothing)
            by_track.setdefault(track, []).append(j_and_f(*at, ignored).j if at[0].any() or at[1].any() else 1.0)
    return float(np.mean([np.mean(values) for values in by_track.values()]))


def table(figures: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Lines for a person."""
    for n in sorted({f["labels"] for f in figures}):
        mine = [f for f in figures if f["labels"] == n]
        names = [name for name in mine[0]["j"] if all(name in f["j"] for f in mine)]
        yield f"{n} labels: " + ", ".join(names)
        for f in mine:
            chosen = "/".join(sorted(set(f["chosen"].values())))
            yield f"  {f['clip'][:34]:34s} " + " ".join(f"{f['j'][name]:.3f}" for name in names) + f"  {chosen}"
        means = " ".join(f"{np.mean([f['j'][name] for f in mine]):.3f}" for name in names)
        yield f"  {'mean':34s} {means}  best of members {np.mean([f['best'] for f in mine]):.3f}"


if __name__ == "__main__":
    main()
