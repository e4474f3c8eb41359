"""How much of what people would draw is found by its motion, before anybody has labelled.

Of each clip: J of the best part of each frame and of the best object through all frames, the share of true objects
that a part overlaps by half, parts that are no object, processor seconds for 1,000 frames, and what a first round of
evenly spaced frames costs by the prices of the settings, from nothing and from what was found. A part that is no
object costs a look.

python -m tests.bench.discovery.discovered_objects --data DAVIS_FOLDER --data ANOTHER

What is measured is kept, a line of JSON for each clip: the same command goes on where it stopped.
"""

import json
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from al_core.campaign.pricing import correction_seconds
from al_core.discovery.discoverer import FoundObject
from al_core.discovery.motion import moving_in
from al_core.evaluation.bootstrap import mean_estimate
from al_core.footage.clips import Clip, clips_of
from al_core.settings import Settings
from al_core.stores.optical_flow import FlowStore

FIRST_ROUND = 6
"""Frames of a clip, evenly spaced, with half a step at both ends."""

FOUND = 0.5
"""Overlap (IoU) from which an object counts as found."""

FIGURES = ("best part", "best object", "recall", "false parts", "seconds for 1,000", "from nothing", "from found")


@click.command()
@click.option("--data", "folders", multiple=True, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--sequences", help="Comma-separated; default: all.")
@click.option("--work", default=Path("runs/discovered"), show_default=True, type=click.Path(path_type=Path))
def main(folders: Sequence[Path], sequences: str | None, work: Path) -> None:
    """Measure what is not measured yet, and print all clips."""
    cv2.setNumThreads(1)
    work.mkdir(parents=True, exist_ok=True)
    kept, console = work / "clips.jsonl", Console(width=160)
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []
    known: dict[str, dict[str, float]] = dict(json.loads(line) for line in lines)
    names = sequences.split(",") if sequences else None
    clips = [clip for folder in folders for clip in clips_of(folder, names)]
    for clip in clips:
        if clip.name not in known:
            known[clip.name] = measured(clip, work / "flow")
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps([clip.name, known[clip.name]]) + "\n")
            console.print(f"{clip.name}: J of the best part {known[clip.name]['best part']:.3f}", highlight=False)
    report(console, {clip.name: known[clip.name] for clip in clips})


def measured(clip: Clip, cache: Path) -> dict[str, float]:
    """All figures of a clip."""
    shutil.rmtree(cache, ignore_errors=True)  # so that the flow is among the seconds
    small = Clip(clip.source, Settings().frames.working_long_side)
    started = time.process_time()
    found = list(moving_in(FlowStore(cache), small))
    seconds = time.process_time() - started
    return figures_of(small, found) | {"seconds for 1,000": 1000 * seconds / clip.n_frames}


def figures_of(small: Clip, found: Iterable[tuple[int, Sequence[FoundObject]]]) -> dict[str, float]:
    """All figures of what was found in a clip, but for seconds."""
    steps = (np.arange(FIRST_ROUND) + 0.5) * small.n_frames / FIRST_ROUND
    asked = set(steps.astype(int).tolist())
    best, recalled, false, nothing, helped = [], [], [], 0.0, 0.0
    objects: dict[int, dict[int, float]] = {}
    for frame_idx, seen in found:
        truth = small.truth(frame_idx)
        overlaps = {one.track_id: [iou(one.mask.full() > 0.5, mask) for mask in truth.values()] for one in seen}
        for track, values in overlaps.items():
            objects.setdefault(track, {})[frame_idx] = max(values, default=0.0)
        nearest = [max((values[k] for values in overlaps.values()), default=0.0) for k in range(len(truth))]
        best += nearest
        recalled += [value >= FOUND for value in nearest]
        false.append(sum(max(values, default=0.0) < 0.1 for values in overlaps.values()))
        if frame_idx in asked:
            a, b = human_seconds(nearest, false[-1])
            nothing, helped = nothing + a, helped + b
    through = [sum(values.values()) / len(best) for values in objects.values()]
    means = (np.mean(best), max(through, default=0.0), np.mean(recalled), np.mean(false))
    names = tuple(name for name in FIGURES if name != "seconds for 1,000")
    return dict(zip(names, (*map(float, means), nothing, helped), strict=True))


def human_seconds(overlaps: Sequence[float], false: int) -> tuple[float, float]:
    """What a frame costs from nothing, and from parts that overlap its objects so much, some of them false."""
    annotator = Settings().annotator
    corrected = sum(correction_seconds(annotator, 1 - overlap) for overlap in overlaps)
    return annotator.mask_seconds * len(overlaps), corrected + annotator.accept_seconds * false


def iou(one: Any, other: Any) -> float:
    """Overlap of two masks."""
    return float((one & other).sum() / max((one | other).sum(), 1))


def report(console: Console, known: Mapping[str, Mapping[str, float]]) -> None:
    """A row for each clip, and the means with their intervals."""
    table = Table(
        "clip", *FIGURES, title=f"What moves by itself; the first round asks for {FIRST_ROUND} frames of a clip"
    )
    for name, figures in known.items():
        table.add_row(name, *(f"{figures[figure]:.3g}" for figure in FIGURES))
    rng = np.random.default_rng(0)
    means = [mean_estimate(np.array([figures[figure] for figures in known.values()]), rng) for figure in FIGURES]
    table.add_row("mean", *(f"{m.value:.3g} ({m.low:.3g} to {m.high:.3g})" for m in means))
    console.print(table)


if __name__ == "__main__":
    main()
