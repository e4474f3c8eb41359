"""J, speed and peak memory of each propagator and of their fusion, with few evenly spaced labels on real clips.

python -m tests.bench.accuracy.propagators --data DAVIS --sequences dog,libby --methods flow --labels 4,8

Every clip is run in a process of its own, for its peak memory; what can be computed again (flow, trained encoders) is
kept in ``--cache``, so that a second run measures what is left. ``--long N`` repeats a clip back and forth up to N
frames instead, labels every 500th frame, and measures memory and speed only.
"""

import json
import multiprocessing
import resource
import time
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from al_core.evaluation.calibration import Samples
from al_core.evaluation.metrics import j_and_f
from al_core.footage.clips import Clip, RearrangedClip, clips_of
from al_core.fusion.choice import choose
from al_core.masks.rle import decode, encode
from al_core.propagation import PROPAGATORS, Resources
from al_core.records import DeliveredMask, FrameLabel, FrameRef, MaskLabel
from al_core.settings import AUTO, FrameSettings, PropagationSettings
from tasks.benchmark.one_clip import evenly, labels_of, propagate_clip
from tasks.steps.propagate import Decoded
from tests.toys.masks import switches

LONG_GAP = 500
"""Frames between two labels of a long run."""


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--sequences", help="Comma-separated names; default: all.")
@click.option("--methods", default="flow", show_default=True, help="Comma-separated; several are also fused.")
@click.option("--labels", "counts", default="4,8", show_default=True, help="How many frames are labelled.")
@click.option("--cache", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--preset", default="fine", show_default=True, help="Of the flow.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="JSON of every run, frame by frame.")
@click.option("--long", "n_long", type=click.IntRange(2), help="Frames of a long run of the first sequence.")
def main(
    data: Path,
    sequences: str | None,
    methods: str,
    counts: str,
    cache: Path,
    preset: str,
    out: Path | None,
    n_long: int | None,
) -> None:
    """Run every clip with every method, then print a table."""
    clips = clips_of(data, sequences.split(",") if sequences else None)
    names = methods.split(",")
    unknown = set(names) - set(PROPAGATORS) - {AUTO}
    if unknown:
        raise click.ClickException(f"expected methods of {sorted(PROPAGATORS)}, got {sorted(unknown)}")
    settings = PropagationSettings(flow_preset=preset)
    named = [name for name in names if name != AUTO]
    runs = [(name,) for name in names] + ([tuple(named)] if len(named) > 1 else [])
    console = Console(width=140)
    if n_long:
        for run in runs:
            tell_long(console, in_child(run_long, clips[0], n_long, run, settings, cache), n_long, run)
        return
    with Progress(console=console) as progress:
        todo = [(run, int(n)) for run in runs for n in counts.split(",")]
        task = progress.add_task("clips", total=len(todo) * len(clips))
        results = {}
        for key in todo:
            results[key] = []
            for clip in clips:
                results[key].append(in_child(run_clip, clip, key[1], key[0], settings, cache))
                progress.advance(task)
    if out is not None:
        records = [{"methods": m, "labels": n, **found} for (m, n), runs in results.items() for found in runs]
        out.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    console.print(clip_table(clips, results))
    console.print(summary_table(results))


def run_clip(clip: Clip, n_labels: int, methods: Sequence[str], settings: PropagationSettings, cache: Path) -> dict:
    """Mean J over unlabelled frames of one clip, identity switches, frames per second, and the peak memory in MB."""
    labels = labels_of(clip, evenly(clip.n_frames, n_labels))
    resources = Resources(settings.model_copy(update={"methods": tuple(methods)}), cache)
    started = time.perf_counter()
    choice = choose(resources, seen(clip), Decoded(labels)) if AUTO in methods else None
    delivered = dict(propagate_clip(seen(clip), labels, clip.size, methods, resources, choice))
    seconds = time.perf_counter() - started
    measured = [i for i in sorted(delivered) if i not in labels and i in clip.truth_frames]
    pairs = ((clip.truth(i), {m.track_id: decode(m.rle) for m in delivered[i]}) for i in measured)
    rows = [(*held_against(clip, i, masks), i) for i, masks in delivered.items() if i not in labels]
    return {
        "clip": clip.name,
        "j": float(np.mean([overlap for _, overlap, _ in rows])),
        "switches": switches(pairs),
        "fps": clip.n_frames / seconds,
        "peak": peak_megabytes(),
        "chosen": "" if choice is None else choice.describe(),
        "samples": [(confidence, overlap) for confidence, overlap, _ in rows],
    }


def run_long(clip: Clip, n_frames: int, methods: Sequence[str], settings: PropagationSettings, cache: Path) -> dict:
    """A clip back and forth; masks are looked at and thrown away."""
    there = list(range(clip.n_frames))
    lap = there + there[-2:0:-1]
    index = tuple(lap[i % len(lap)] for i in range(n_frames))
    view = RearrangedClip(seen(clip), f"{clip.name} x{n_frames}", index)
    labels = {
        i: FrameLabel(FrameRef(1, i), tuple(MaskLabel(t, 1, encode(m)) for t, m in clip.truth(index[i]).items()))
        for i in range(0, n_frames, LONG_GAP)
    }
    started = time.perf_counter()
    n_masks = sum(
        len(masks) for _, masks in propagate_clip(view, labels, clip.size, methods, Resources(settings, cache))
    )
    return {"masks": n_masks, "fps": n_frames / (time.perf_counter() - started), "peak": peak_megabytes()}


def seen(clip: Clip) -> Clip:
    """The clip at the size at which a project works on it."""
    return Clip(clip.source, FrameSettings().working_long_side)


def held_against(clip: Clip, frame: int, masks: Sequence[DeliveredMask]) -> tuple[float, float]:
    """(confidence, J) of the whole foreground of a frame; the confidence is the mean over objects, by area."""
    truth = np.logical_or.reduce([np.zeros(clip.size, bool), *clip.truth(frame).values()])
    found = [decode(mask.rle) for mask in masks]
    foreground = np.logical_or.reduce([np.zeros(clip.size, bool), *found])
    areas = [mask.sum() for mask in found]
    confidence = float(np.average([m.confidence for m in masks], weights=areas)) if masks else 0.0
    return confidence, j_and_f(foreground, truth, clip.ignore(frame)).j


def in_child(work, *args):
    """Run a function in a fresh process, so that its peak memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, args)


def peak_megabytes() -> float:
    """Peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def interval(values: Sequence[float]) -> str:
    """The 95% percentile interval of the mean, by a bootstrap over clips."""
    if len(values) < 2:
        return "-"
    rng = np.random.default_rng(0)
    means = rng.choice(np.array(values), (4000, len(values))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{low:.3f} to {high:.3f}"


def clip_table(clips: Sequence[Clip], results: dict) -> Table:
    """Mean J by clip."""
    table = Table("clip", *(f"{'+'.join(methods)} {n}" for methods, n in results), title="Mean J of unlabelled frames")
    for i, clip in enumerate(clips):
        table.add_row(clip.name, *(f"{found[i]['j']:.3f}" for found in results.values()))
    return table


def summary_table(results: dict) -> Table:
    """Over all clips."""
    table = Table("methods", "labels", "mean J", "95% over clips", "switches", "frames/s", "peak MB")
    for (methods, n), found in results.items():
        j = [r["j"] for r in found]
        speed = f"{np.median([r['fps'] for r in found]):.1f}"
        peak = f"{max(r['peak'] for r in found):.0f}"
        switches = str(sum(r["switches"] for r in found))
        table.add_row("+".join(methods), str(n), f"{np.mean(j):.3f}", interval(j), switches, speed, peak)
    return table


def tell_long(console: Console, found: dict, n_frames: int, methods: Sequence[str]) -> None:
    """One line."""
    console.print(
        f"{'+'.join(methods)}: {n_frames} frames, {found['masks']} masks, {found['fps']:.1f} frames/s, "
        f"peak {found['peak']:.0f} MB"
    )


def samples_of(found: Sequence[dict]) -> Samples:
    """Confidence and J of every unlabelled frame, a group per clip."""
    return Samples.of((c, j, group) for group, r in enumerate(found) for c, j in r["samples"])


if __name__ == "__main__":
    main()
