"""The error that is told of frames against the true one, before and after a calibration learnt on other clips.

python -m tests.bench.selection.told_error --data DAVIS --labels 2,4,8 --cache FOLDER

Each clip has so many evenly spaced labels, carried by flow; what `value` expects of every other frame is held against
1 - J&F. The map is fitted to all clips but one and judged on that one. What is done is kept in the folder of the cache,
so that the same command goes on where it was stopped; ``--seconds`` ends it earlier.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import click
import cv2
from rich.console import Console
from rich.table import Table

from al_core.benchmark.world import Label, Labels, World, chances_in, expected_in, presence_in
from al_core.evaluation.bootstrap import Estimate
from al_core.evaluation.calibration import IDENTITY, Bin, Samples, cross_validated, reliability
from al_core.files import replaced
from al_core.footage.clips import Clip, clips_of
from al_core.propagation.flow import FlowPropagator
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tasks.benchmark.one_clip import evenly

Pair = tuple[float, float]
"""Told and true error of a frame."""


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--sequences", help="Comma-separated names; default: all.")
@click.option("--labels", "counts", default="2,4,8", show_default=True, help="Labelled frames of a clip.")
@click.option("--long-side", default=427, show_default=True)
@click.option("--seconds", default=0, help="Begin no other clip after so many; 0 for no limit.")
@click.option("--cache", required=True, type=click.Path(file_okay=False, path_type=Path))
def main(data: Path, sequences: str | None, counts: str, long_side: int, seconds: int, cache: Path) -> None:
    """Measure all clips, then print the errors and a reliability table."""
    cv2.setNumThreads(1)
    started, clips = time.monotonic(), clips_of(data, sequences.split(",") if sequences else None, long_side)
    numbers = [int(n) for n in counts.split(",")]
    found: dict[str, list[list[Pair]]] = {}
    for clip in clips:
        path = cache / "told" / f"{clip.name}-{counts}-{long_side}.json"
        if not path.exists() and seconds and time.monotonic() - started > seconds:
            break
        if not path.exists():
            measured = told_of(clip, numbers, cache)
            with replaced(path) as new:
                new.write_text(json.dumps(measured))
        found[clip.name] = json.loads(path.read_text())
    report(list(found.values()), numbers, Console(width=120))


def told_of(clip: Clip, counts: Sequence[int], cache: Path) -> list[list[Pair]]:
    """Return told and true error of every unlabelled frame, for each number of labels."""
    flow = FlowPropagator(FlowStore(cache / "flow"), PropagationSettings(flow_long_side=max(clip.size)))
    world = World([clip], flow)
    return [told_in(world, {i: Label(clip.truth(i)) for i in evenly(clip.n_frames, n)}) for n in counts]


def told_in(world: World, labels: Labels) -> list[Pair]:
    """Return told and true error of every unlabelled frame of the first clip of a world."""
    outcomes = {0: world.outcomes(0, labels)}
    presence = presence_in({0: labels}, outcomes)
    likely = chances_in(world, {0: labels}, presence)
    error = expected_in(labels, outcomes[0], presence[0], likely.get(0), IDENTITY).error
    free = [i for i in world.clips[0].truth_frames if i not in labels]
    return [(float(error[i]), 1 - outcomes[0][i].jf) for i in free]


def report(clips: Sequence[Sequence[Sequence[Pair]]], counts: Sequence[int], console: Console) -> None:
    """Print the expected calibration error by number of labels and of all, and the bins before and after."""
    table = Table("labels", "frames", "told", "true", "ECE as told", "ECE with a map of the other clips", "map of all")
    rows = [(str(n), samples_of([[clip[k]] for clip in clips])) for k, n in enumerate(counts)]
    for name, samples in [*rows, ("all", samples_of(clips))]:
        fit = cross_validated(samples, IDENTITY)
        table.add_row(
            name, str(len(samples)), f"{1 - samples.confidence.mean():.3f}", f"{1 - samples.overlap.mean():.3f}",
            words(fit.before), words(fit.after), f"{fit.calibration.slope:.2f}, {fit.calibration.offset:+.2f}",
        )  # fmt: skip
    console.print(table)
    samples = samples_of(clips)
    bins = Table("frames", "told", "true", "", "frames", "told", "true", title=f"{len(clips)} clips: before | after")
    before, after = reliability(samples), cross_validated(samples, IDENTITY).reliability
    for i in range(max(len(before), len(after))):
        bins.add_row(*bin_of(before, i), "", *bin_of(after, i))
    console.print(bins)


def bin_of(rows: Sequence[Bin], i: int) -> list[str]:
    """Return the cells of a bin; empty ones where there is no such bin."""
    return (
        [str(rows[i].n), f"{1 - rows[i].confidence:.3f}", f"{1 - rows[i].overlap:.3f}"] if i < len(rows) else [""] * 3
    )


def samples_of(clips: Sequence[Sequence[Sequence[Pair]]]) -> Samples:
    """Return what was told as confidences, and what was true as overlaps; clips are groups."""
    return Samples.of(
        (1 - told, 1 - true, number) for number, clip in enumerate(clips) for pairs in clip for told, true in pairs
    )


def words(error: Estimate) -> str:
    """A figure with its interval, where that is known."""
    return f"{error.value:.3f}" + (f" ({error.low:.3f} to {error.high:.3f})" if error.known else "")


if __name__ == "__main__":
    main()
