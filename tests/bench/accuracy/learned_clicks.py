"""What clicks come to with a refiner that learned from a few labelled frames of each clip, beside those without.

Of each clip in DAVIS layout so many frames are labelled in each round, evenly spaced; the refiner learns from all of
them together and goes on in the next round from where it was. Others, at least ``APART`` frames from a labelled one,
are measured, or those that are named: IoU after 1, 3 and 5 clicks from nothing, each at the deepest point of the
largest error, after a box, and after 1 and 3 clicks on a shown mask, which is that of ``SHIFT`` frames earlier.

python -m tests.bench.accuracy.learned_clicks --data FOLDER --labels 5 dog:18,53 libby
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
"""Clicks from nothing after which a mask is measured."""

CORRECTIONS = (0, 1, 3)
"""Clicks on a shown mask after which it is measured."""

SHIFT = 6

APART = 3
LONG_SIDE = 640


@click.command()
@click.argument("clips", nargs=-1, required=True)
@click.option("--data", required=True, multiple=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--labels", default=3, show_default=True, help="Labelled frames of each clip.")
@click.option("--measured", default=2, show_default=True, help="Other frames of each clip that are measured.")
@click.option("--seconds", default=120.0, show_default=True, help="Of training: CPU time, whatever else runs.")
@click.option("--steps", default=MOST_STEPS, show_default=True, help="Of training at most.")
@click.option("--rounds", default=1, show_default=True, help="Each labels as many frames again and trains as long.")
@click.option("--seed", default=0, show_default=True)
def main(
    clips: tuple[str, ...],
    data: tuple[Path, ...],
    labels: int,
    measured: int,
    seconds: float,
    steps: int,
    rounds: int,
    seed: int,
) -> None:
    """Train on some frames of all CLIPS together and measure others, by clip; CLIP:18,53 names those of a clip."""
    console = Console(width=200)
    chosen = [Chosen.of(data, text, labels, measured, rounds) for text in clips]
    network = new_refiner_network(seed)
    for number in range(rounds):
        learnt = [labelled(c, i) for c in chosen for i in c.labelled[: labels * (number + 1)]]
        began = time.process_time()
        limits = TrainingLimits(seconds, steps)
        tell = _teller(console)
        done = train_refiner(network, learnt, limits, seed + number, on_progress=tell, clock=time.process_time)
        spent = time.process_time() - began
        console.print(
            f"round {number + 1}: {len(learnt)} frames, {done} steps in {spent:.0f} s of CPU time, side {SIDE}"
        )
        report(console, chosen, refiners(network))


@dataclass(frozen=True)
class Chosen:
    """A clip in DAVIS layout, and the numbers of its frames that are labelled, in this order, and measured."""

    name: str
    folder: Path
    labelled: tuple[int, ...]
    measured: tuple[int, ...]

    @classmethod
    def of(cls, data: tuple[Path, ...], text: str, labels: int, measured: int, rounds: int) -> "Chosen":
        """Read CLIP or CLIP:NUMBER,NUMBER; named frames are measured, and none near them is labelled."""
        name, _, named = text.partition(":")
        folder = _folder(data, name)
        total = len(list((folder / "Annotations" / "480p" / name).glob("*.png")))
        wanted = tuple(int(number) for number in named.split(",")) if named else ()
        free = [i for i in range(total) if all(abs(i - at) >= APART for at in wanted)]
        count = labels * rounds
        marks = [free[int((i + 0.5) * len(free) / count)] for i in range(count)]
        # Each round's frames lie evenly too.
        marks = [mark for first in range(rounds) for mark in marks[first::rounds]]
        left = [i for i in range(total) if all(abs(i - mark) >= APART for mark in marks)]
        spread = [left[int((i + 0.5) * len(left) / measured)] for i in range(measured)] if left else []
        return cls(name, folder, tuple(marks), wanted or tuple(spread))


def report(console: Console, chosen: Sequence[Chosen], methods: Mapping[str, Refiner]) -> None:
    """Print what each way comes to on the measured frames."""
    whats = (*COUNTS, "box", *(f"shown+{n}" for n in CORRECTIONS))
    table = Table("frame", *(f"{method} {what}" for method in methods for what in whats))
    rows = []
    for clip in chosen:
        for number in clip.measured:
            found = []
            for image, truth, shown in objects_of(clip, number):
                found.append([v for r in methods.values() for v in judged(r, image, truth, shown)])
            if found:
                rows += found
                table.add_row(f"{clip.name} {number}", *(f"{v:.2f}" for v in np.mean(found, axis=0)))
    table.add_section()
    table.add_row(f"all {len(rows)}", *(f"{v:.3f}" for v in np.mean(rows, axis=0)))
    console.print(table)


def objects_of(clip: Chosen, number: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield picture, truth and the mask shown of the larger objects of a frame that were there before."""
    image, truth = _read(clip, number)
    _, earlier = _read(clip, max(0, number - SHIFT))
    for track in sorted(truth.keys() & earlier.keys()):
        if any(truth[track] is mask for mask in LabelledObjects(image, list(truth.values())).large):
            yield image, truth[track], earlier[track]


def labelled(clip: Chosen, number: int) -> LabelledObjects:
    """Read a frame and the masks of its objects, at most ``LONG_SIDE`` pixels long."""
    image, truth = _read(clip, number)
    return LabelledObjects(image, list(truth.values()))


def _read(clip: Chosen, number: int) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    file = sorted((clip.folder / "Annotations" / "480p" / clip.name).glob("*.png"))[number]
    image = read_image(clip.folder / "JPEGImages" / "480p" / clip.name / f"{file.stem}.jpg")
    truth = read_indices(file)[0]
    size = working_size(image.shape[0], image.shape[1], LONG_SIDE)
    return resized(image, size), {int(i): _smaller(truth == i, size) for i in np.unique(truth) if 0 < i < 255}


def judged(refiner: Refiner, image: np.ndarray, truth: np.ndarray, shown: np.ndarray) -> list[float]:
    """Return IoU after ``COUNTS`` clicks from nothing, a box, and ``CORRECTIONS`` clicks on a shown mask."""
    nothing = np.zeros_like(truth)
    box = box_around(truth, 0.0, np.random.default_rng(0))
    boxed = refiner.with_box(image, nothing.astype(np.float32), box)
    return [
        *clicked(refiner, image, truth, nothing, COUNTS),
        iou(boxed, truth),
        *clicked(refiner, image, truth, shown, CORRECTIONS),
    ]


def clicked(
    refiner: Refiner, image: np.ndarray, truth: np.ndarray, start: np.ndarray, counts: Sequence[int]
) -> list[float]:
    """Return IoU after so many clicks on a mask, each at the deepest point of the largest error."""
    mask, clicks, after = start, [], []
    for number in range(max(counts) + 1):
        wrong = next_click(mask, truth, 0.0, np.random.default_rng(0)) if number else None
        if wrong is not None:
            clicks.append(wrong)
            mask = refiner.with_clicks(image, start.astype(np.float32), clicks)
        if number in counts:
            after.append(iou(mask, truth))
    return after


def _folder(data: tuple[Path, ...], clip: str) -> Path:
    for folder in data:
        if (folder / "Annotations" / "480p" / clip).is_dir():
            return folder
    raise click.BadParameter(f"expected a clip in DAVIS layout below {', '.join(map(str, data))}, got {clip!r}")


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
