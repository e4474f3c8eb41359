"""What clicks come to with a refiner that learned from a few labelled frames of each clip, beside those without.

Of each clip in DAVIS layout so many frames are labelled, evenly spaced; the refiner learns from all of them together.
Others, at least ``APART`` frames from a labelled one, are measured: IoU after 1, 3 and 5 clicks from nothing, each at
the deepest point of the largest error, and after a box.

python -m tests.bench.accuracy.learned_clicks --data FOLDER --labels 5 dog libby
"""

import time
from pathlib import Path

import click
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from al_core.footage.images import read_image, read_indices, resized, working_size
from al_core.interactive.gestures import box_around, next_click
from al_core.interactive.learned.learned_refiner import refiners
from al_core.interactive.learned.refiner_training import (
    MOST_STEPS,
    SIDE,
    TrainingLimits,
    new_refiner_network,
    train_refiner,
)
from al_core.interactive.learned.situations import LabelledObjects
from al_core.interactive.refiner import Refiner
from al_core.records import Progress
from tests.bench.accuracy.gestures import iou

COUNTS = (1, 3, 5)
"""Clicks after which a mask is measured."""

APART = 3
LONG_SIDE = 640


@click.command()
@click.argument("clips", nargs=-1, required=True)
@click.option("--data", required=True, multiple=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--labels", default=3, show_default=True, help="Labelled frames of each clip.")
@click.option("--measured", default=2, show_default=True, help="Other frames of each clip that are measured.")
@click.option("--seconds", default=120.0, show_default=True, help="Of training: CPU time, whatever else runs.")
@click.option("--steps", default=MOST_STEPS, show_default=True, help="Of training at most.")
@click.option("--seed", default=0, show_default=True)
def main(
    clips: tuple[str, ...], data: tuple[Path, ...], labels: int, measured: int, seconds: float, steps: int, seed: int
) -> None:
    """Train on some frames of all CLIPS together and measure others, by clip."""
    console = Console(width=160)
    folders = {clip: _folder(data, clip) for clip in clips}
    numbers = {clip: _numbers(folder, clip, labels, measured) for clip, folder in folders.items()}
    learnt = [labelled(folders[clip], clip, number) for clip in clips for number in numbers[clip][0]]
    network = new_refiner_network(seed)
    began = time.process_time()
    limits = TrainingLimits(seconds, steps)
    done = train_refiner(network, learnt, limits, seed, on_progress=_teller(console), clock=time.process_time)
    spent = time.process_time() - began
    console.print(f"{len(learnt)} labelled frames, {done} steps in {spent:.0f} s of CPU time, side {SIDE}")
    methods = refiners(network)
    heads = [f"{method} {what}" for method in methods for what in (*COUNTS, "box")]
    table = Table("clip", *heads)
    rows = []
    for clip in clips:
        frames = [labelled(folders[clip], clip, number) for number in numbers[clip][1]]
        objects = [(frame.image, mask) for frame in frames for mask in frame.large]
        found = [[v for r in methods.values() for v in judged(r, image, truth)] for image, truth in objects]
        rows += found
        table.add_row(clip, *(f"{v:.2f}" for v in np.mean(found, axis=0)))
    table.add_section()
    table.add_row(f"all {len(rows)}", *(f"{v:.3f}" for v in np.mean(rows, axis=0)))
    console.print(table)


def labelled(folder: Path, clip: str, number: int) -> LabelledObjects:
    """Read a frame and the masks of its objects, at most ``LONG_SIDE`` pixels long."""
    file = sorted((folder / "Annotations" / "480p" / clip).glob("*.png"))[number]
    image = read_image(folder / "JPEGImages" / "480p" / clip / f"{file.stem}.jpg")
    truth = read_indices(file)[0]
    size = working_size(image.shape[0], image.shape[1], LONG_SIDE)
    objects = [truth == i for i in np.unique(truth) if i > 0]
    return LabelledObjects(resized(image, size), [_smaller(mask, size) for mask in objects])


def judged(refiner: Refiner, image: np.ndarray, truth: np.ndarray) -> list[float]:
    """Return IoU after ``COUNTS`` clicks from nothing, and after a box."""
    start, mask, clicks, after = np.zeros(truth.shape, np.float32), np.zeros_like(truth), [], []
    for number in range(1, max(COUNTS) + 1):
        wrong = next_click(mask, truth, 0.0, np.random.default_rng(0))
        if wrong is not None:
            clicks.append(wrong)
            mask = refiner.with_clicks(image, start, clicks)
        if number in COUNTS:
            after.append(iou(mask, truth))
    return [*after, iou(refiner.with_box(image, start, box_around(truth, 0.0, np.random.default_rng(0))), truth)]


def _folder(data: tuple[Path, ...], clip: str) -> Path:
    for folder in data:
        if (folder / "Annotations" / "480p" / clip).is_dir():
            return folder
    raise click.BadParameter(f"expected a clip in DAVIS layout below {', '.join(map(str, data))}, got {clip!r}")


def _numbers(folder: Path, clip: str, labels: int, measured: int) -> tuple[list[int], list[int]]:
    """Return the numbers of the labelled frames of a clip, and of those that are measured, evenly spaced."""
    total = len(list((folder / "Annotations" / "480p" / clip).glob("*.png")))
    marks = [int((i + 0.5) * total / labels) for i in range(labels)]
    free = [i for i in range(total) if all(abs(i - mark) >= APART for mark in marks)]
    return marks, [free[int((i + 0.5) * len(free) / measured)] for i in range(measured)] if free else []


def _smaller(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA) >= 0.5


def _teller(console: Console):
    said = [0]

    def tell(progress: Progress) -> None:
        if progress.done >= said[0] + 20:
            said[0] = progress.done
            console.print(f"{progress.done} of {progress.total} s, {progress.note}")

    return tell


if __name__ == "__main__":
    main()
