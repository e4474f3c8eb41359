"""What each kind of label leaves of the present error, and what it is to correct a shown mask: the table that ships.

Clips in DAVIS layout are labelled evenly with the truth, flow carries the masks, and frames between are answered with
each kind by the simulated annotator. The figures in ``al_core/selection/offers.py`` come from clips on which nothing
is reported.

What was measured of a clip is kept in the folder for flow: the same command goes on where it was stopped.

python -m tests.bench.accuracy.kinds_table --data FOLDER --cache FOLDER
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from al_core.benchmark.simulated_people import annotator_of
from al_core.benchmark.world import Label, World, expected_in
from al_core.evaluation.metrics import j_and_f
from al_core.footage.clips import Clip, clips_of
from al_core.propagation.flow import FlowPropagator
from al_core.records import LabelKind
from al_core.selection.presence import Presence
from al_core.settings import AnnotatorSettings, PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.bench.people.scripted_person import Pace, outlines

KINDS = (LabelKind.CLICK, LabelKind.BOX, LabelKind.SCRIBBLE, LabelKind.POLYGON)
LONG_SIDE = 427
ON_PAGE = 3.5
"""CSS pixels of a pixel at ``LONG_SIDE`` on a page of 1920x1080."""
TOLERANCE = 1
"""Radius in pixels of the largest disc of wrong pixels that a person lets pass."""
BETWEEN = 300.0
"""CSS pixels from one outline to the next."""

Mask = NDArray[np.bool_]


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--cache", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for flow.")
@click.option("--frames", "n_frames", default=6, show_default=True, help="Frames of each clip and number of labels.")
def main(data: Path, cache: Path, n_frames: int) -> None:
    """Print straight lines through what was measured."""
    rows: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for clip in clips_of(data, None, LONG_SIDE):
        for name, before, after in kept(clip, cache, n_frames):
            rows[name].append((before, after))
        report(rows)


def kept(clip: Clip, cache: Path, n_frames: int) -> list[tuple[str, float, float]]:
    """Measure a clip, or read what was measured of it before."""
    file = cache / f"kinds-{clip.name}-{n_frames}.json"
    if not file.exists():
        found = list(of_clip(clip, cache, n_frames))
        cache.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(found))
    return [(name, before, after) for name, before, after in json.loads(file.read_text())]


def of_clip(clip: Clip, cache: Path, n_frames: int) -> Iterator[tuple[str, float, float]]:
    """Yield (figure, error before, what came of it) with two and with four labels."""
    world = World([clip], FlowPropagator(FlowStore(cache), PropagationSettings(flow_long_side=LONG_SIDE)))
    for n_labels in (2, 4):
        marks = np.linspace(0, clip.n_frames - 1, 2 * n_labels + 1).round().astype(int)[1::2]
        yield from measured(world, {int(i): Label(clip.truth(int(i))) for i in marks}, n_frames)


def measured(world: World, labels: Mapping[int, Label], n_frames: int) -> Iterator[tuple[str, float, float]]:
    """Yield (figure, error before, what came of it) of frames without a label."""
    clip, settings = world.clips[0], AnnotatorSettings()
    outcomes = world.outcomes(0, labels)
    expected = expected_in(labels, outcomes, Presence()).error
    free = [i for i in range(clip.n_frames) if i not in labels and clip.truth(i)]
    for i in np.array(free)[np.linspace(0, len(free) - 1, n_frames).round().astype(int)].tolist():
        shown = {t: m > 0.5 for t, m in world.delivered(0, labels, i).items()}
        truth, before = clip.truth(i), 1 - outcomes[i].jf
        yield "expected", float(expected[i]), before
        good = all(t in shown and j_and_f(shown[t], m).j >= 0.9 for t, m in truth.items())
        yield "accept", float(expected[i]), float(good)
        if good:
            yield "accepted", float(expected[i]), before
        yield "mask", before, corrected(shown, truth) / corrected({}, truth)
        for kind in KINDS:
            rng = np.random.default_rng(i)
            for known, name in ((labels, str(kind)), ({}, f"{kind} from nothing")):
                if known or kind in (LabelKind.BOX, LabelKind.POLYGON):
                    label, _, seconds = annotator_of(world, str(kind), settings)(0, i, kind, known, rng)
                    yield name, before, error(label.masks, truth)
                    yield f"{name}: seconds", before, seconds / len(truth)


def error(found: Mapping[int, Mask], truth: Mapping[int, Mask]) -> float:
    """1 - J&F, mean over objects."""
    nothing = np.zeros_like(next(iter(truth.values())))
    quality = [j_and_f(found.get(t, nothing), m) for t, m in truth.items()]
    return 1 - float(np.mean([(q.j + q.f) / 2 for q in quality]))


def corrected(shown: Mapping[int, Mask], truth: Mapping[int, Mask]) -> float:
    """Seconds in which the scripted person draws what is wrong."""
    pace, spent = Pace(), 0.0
    for track, mask in truth.items():
        old = shown.get(track)
        wrong = [mask] if old is None else [visible(mask & ~old), visible(old & ~mask)]
        lines = [line for part in wrong if part.any() for line in outlines(part)]
        length = sum(cv2.arcLength(line.astype(np.float32), closed=True) for line in lines) * ON_PAGE
        spent += pace.ready + len(lines) * pace.pointing(BETWEEN) + pace.tracing(length)
    return spent


def visible(wrong: Mask) -> Mask:
    """The parts of a region that a disc of TOLERANCE pixels fits into, with what is next to them."""
    side = 2 * TOLERANCE + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    core = cv2.morphologyEx(wrong.astype(np.uint8), cv2.MORPH_OPEN, disc)
    return (cv2.dilate(core, disc) > 0) & wrong


def report(rows: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """A line for each figure: its mean, and a straight line by the error before."""
    table = Table("figure", "frames", "before", "mean", "at 0", "slope", "by quarters of before")
    for name, found in rows.items():
        before, after = np.array(found).T
        slope, start = np.polyfit(before, after, 1)
        quarters = np.array_split(after[np.argsort(before)], 4)
        told = " ".join(f"{q.mean():.2f}" if len(q) else "-" for q in quarters)
        figures = (f"{before.mean():.3f}", f"{after.mean():.3f}", f"{start:.3f}", f"{slope:.3f}", told)
        table.add_row(name, str(len(found)), *figures)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
