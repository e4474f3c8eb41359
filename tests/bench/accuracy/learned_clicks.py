"""What clicks come to with a refiner that learned from a few labelled frames of each clip, beside those without.

Of each clip in DAVIS layout so many frames are labelled in each round, evenly spaced. As in a project, the refiner
learns from all but a fifth of them, on which the ways to use it are then compared, and goes on in the next round from
where it was. Others, at least ``APART`` frames from a labelled one, are measured, or those that are named: IoU after 1,
3 and 5 clicks from nothing, each at the deepest point of the largest error, after a box, and after 1 and 3 clicks on a
shown mask, which is that of ``SHIFT`` frames earlier; by each way alone, and by the one chosen for each gesture.

Networks, choices and figures are kept in a folder: the same command goes on where it was stopped.

python -m tests.bench.accuracy.learned_clicks --data FOLDER --keep FOLDER --labels 5 dog:18,53 libby
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import click
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from al_core.fingerprint import fingerprint
from al_core.footage.images import read_image, read_indices, resized, working_size
from al_core.interactive.clicks import starting_from
from al_core.interactive.gestures import box_around, next_click
from al_core.interactive.learned.learned_refiner import GESTURES, ChosenRefiner, Method, refiners
from al_core.interactive.learned.refiner_choice import choose_refiners, is_held_out
from al_core.interactive.learned.refiner_training import (
    MOST_STEPS,
    TrainingLimits,
    new_refiner_network,
    train_refiner,
)
from al_core.interactive.learned.situations import LabelledObjects
from al_core.interactive.refiner import PlainRefiner, Refiner
from al_core.networks.network_state import Checkpoint, kept_or_trained
from al_core.networks.unet import UNet
from al_core.records import FrameRef
from al_core.stores.disk_cache import DiskCache
from tests.bench.accuracy.gestures import iou

COUNTS = (1, 3, 5)
"""Clicks from nothing after which a mask is measured."""

CORRECTIONS = (0, 1, 3)
"""Clicks on a shown mask after which it is measured."""

SHIFT = 6

APART = 3
LONG_SIDE = 640

CHOSEN = "chosen"
"""The way that a project would use: for each gesture the one chosen on its held-out labels."""


@click.command()
@click.argument("clips", nargs=-1, required=True)
@click.option("--data", required=True, multiple=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--keep", required=True, type=click.Path(path_type=Path), help="For networks and figures.")
@click.option("--labels", default=3, show_default=True, help="Labelled frames of each clip in each round.")
@click.option("--measured", default=2, show_default=True, help="Other frames of each clip that are measured.")
@click.option("--seconds", default=120.0, show_default=True, help="Of each training: CPU time, whatever else runs.")
@click.option("--steps", default=MOST_STEPS, show_default=True, help="Of each training at most.")
@click.option("--rounds", default=1, show_default=True, help="Each labels as many frames again and trains as long.")
@click.option("--told", multiple=True, type=int, help="Rounds that are measured; all where none is named.")
@click.option("--seed", default=0, show_default=True)
def main(
    clips: tuple[str, ...],
    data: tuple[Path, ...],
    keep: Path,
    labels: int,
    measured: int,
    seconds: float,
    steps: int,
    rounds: int,
    told: tuple[int, ...],
    seed: int,
) -> None:
    """Train on some frames of all CLIPS together and measure others, by clip; CLIP:18,53 names those of a clip."""
    console = Console(width=200)
    chosen = [Chosen.of(data, text, labels, measured, rounds) for text in clips]
    campaign = Campaign(chosen, keep, labels, TrainingLimits(seconds, steps), seed)
    figures = Figures(keep / f"{campaign.key}.jsonl")
    report(console, chosen, {Method.PLAIN: PlainRefiner()}, figures, 0)
    for number in range(1, rounds + 1):
        network = campaign.network(number, console)
        if not told or number in told:
            methods = dict(refiners(network))
            named = campaign.choice(number, methods, console)
            picked = ChosenRefiner(**{gesture: methods[named[gesture]] for gesture in GESTURES})
            learned = {method: refiner for method, refiner in methods.items() if method != Method.PLAIN}
            report(console, chosen, {**learned, CHOSEN: picked}, figures, number)


@dataclass(frozen=True)
class Campaign:
    """Rounds of labels of some clips, and what is learned from them; networks and choices are kept."""

    clips: Sequence["Chosen"]
    folder: Path
    labels: int
    limits: TrainingLimits
    seed: int

    @cached_property
    def key(self) -> str:
        """Return what tells these rounds from others in the folder."""
        marks = [[clip.name, *clip.labelled] for clip in self.clips]
        return fingerprint([marks, self.labels, self.limits.seconds, self.limits.steps, self.seed])[:12]

    def frames(self, number: int, held_out: bool) -> list[LabelledObjects]:
        """Read the frames that were labelled up to a round: those that are learnt from, or the others."""
        pairs = [
            (video, clip, i) for video, clip in enumerate(self.clips) for i in clip.labelled[: self.labels * number]
        ]
        return [
            labelled(clip, i)
            for video, clip, i in pairs
            if is_held_out(FrameRef(video_id=video + 1, frame_idx=i)) == held_out
        ]

    def network(self, number: int, console: Console) -> UNet:
        """Return the network after a round; the one of the round before is where its training starts."""
        network = new_refiner_network(self.seed) if number == 1 else self.network(number - 1, console)
        key = f"{self.key}-{number}"

        def learn(keep: Checkpoint) -> None:
            learnt = self.frames(number, held_out=False)
            began = time.process_time()
            steps = train_refiner(network, learnt, self.limits, self.seed + number, keep, clock=time.process_time)
            spent = time.process_time() - began
            console.print(f"round {number}: {len(learnt)} frames, {steps} steps, {spent:.0f} s of CPU time")

        return kept_or_trained(DiskCache(self.folder, 2**62), key, network, learn)

    def choice(self, number: int, methods: Mapping[Method, Refiner], console: Console) -> dict[str, Method]:
        """Return the way for each gesture that a project would choose after a round."""
        file = self.folder / f"{self.key}-{number}.json"
        if not file.exists():
            found = choose_refiners(methods, self.frames(number, held_out=True), self.seed + number)
            told = {g: {"method": c.method, "iou": dict(c.iou), "objects": c.objects} for g, c in found.items()}
            file.write_text(json.dumps(told))
        stored = json.loads(file.read_text())
        for gesture, one in stored.items():
            values = ", ".join(f"{method} {value:.3f}" for method, value in one["iou"].items())
            console.print(f"round {number}, {gesture}: {one['method']} ({values}; {one['objects']} objects)")
        return {gesture: Method(one["method"]) for gesture, one in stored.items()}


class Figures:
    """What was measured, a line of JSON each, so that nothing is measured twice."""

    def __init__(self, file: Path) -> None:
        self._file = file
        lines = file.read_text().splitlines() if file.exists() else []
        self._known = {tuple(key): values for key, values in map(json.loads, lines)}

    def of(self, key: tuple[int, str, str], refiner: Refiner, one: "Shown") -> list[float]:
        """Return what a refiner comes to on an object, measured now where it is not known."""
        if key not in self._known:
            self._known[key] = judged(refiner, *one)
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a") as file:
                file.write(json.dumps([key, self._known[key]]) + "\n")
        return self._known[key]


Shown = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Picture, truth, and the mask shown of an object."""


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


def report(
    console: Console, chosen: Sequence[Chosen], methods: Mapping[str, Refiner], figures: Figures, number: int
) -> None:
    """Print what each way comes to on the measured frames after a round; 0 is before any."""
    whats = (*COUNTS, "box", *(f"shown+{n}" for n in CORRECTIONS))
    found: dict[str, dict[str, list[list[float]]]] = {method: {} for method in methods}
    for clip in chosen:
        for at in clip.measured:
            for name, one in objects_of(clip, at).items():
                for method, refiner in methods.items():
                    values = figures.of((number, name, str(method)), refiner, one)
                    found[method].setdefault(f"{clip.name} {at}", []).append(values)
    for method, frames in found.items():
        table = Table(f"round {number}, {method}", *map(str, whats))
        for frame, rows in frames.items():
            table.add_row(frame, *(f"{v:.2f}" for v in np.mean(rows, axis=0)))
        every = [row for rows in frames.values() for row in rows]
        table.add_section()
        table.add_row(f"all {len(every)}", *(f"{v:.3f}" for v in np.mean(every, axis=0)))
        console.print(table)


def objects_of(clip: Chosen, number: int) -> dict[str, Shown]:
    """Return picture, truth and the mask shown of the larger objects of a frame that were there before, by name."""
    image, truth = _read(clip, number)
    _, earlier = _read(clip, max(0, number - SHIFT))
    large = LabelledObjects(image, list(truth.values())).large
    return {
        f"{clip.name} {number} {track}": (image, truth[track], earlier[track])
        for track in sorted(truth.keys() & earlier.keys())
        if any(truth[track] is mask for mask in large)
    }


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
            mask = refiner.with_clicks(image, starting_from(start.astype(np.float32), clicks), clicks)
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


if __name__ == "__main__":
    main()
