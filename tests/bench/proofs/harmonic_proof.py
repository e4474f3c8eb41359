"""Proofs of the harmonic propagator, paired by seed on synthetic clips, or by sequence on real ones.

With frame 0 labelled, freezing the most certain frames first against solving once and against freezing in random
order. With one frame more at a time, asking for the frame of highest mean entropy against random frames and even
spacing. A loss is printed as a loss.

python -m tests.bench.proofs.harmonic_proof --seeds 6
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from al_core.propagation.base import Propagator
from al_core.propagation.harmonic.harmonic import HarmonicPropagator
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.bench.proofs.paired import difference, mean_iou, real_clips
from tests.toys.footage.movers import MoverClip
from tests.toys.footage.synthetic import synthetic_clip

Choose = Callable[[HarmonicPropagator, MoverClip, list[int], np.random.Generator], int]


def by_entropy(propagator: HarmonicPropagator, clip: MoverClip, marks: list[int], rng: np.random.Generator) -> int:
    """The frame of highest mean entropy."""
    entropy = propagator.entropy(clip, {i: clip.truth[i] for i in marks})
    entropy[marks] = -1
    return int(entropy.argmax())


def by_chance(propagator: HarmonicPropagator, clip: MoverClip, marks: list[int], rng: np.random.Generator) -> int:
    """Any frame that is not labelled."""
    return int(rng.choice([i for i in range(clip.n_frames) if i not in marks]))


def area(propagator: HarmonicPropagator, clip: MoverClip, n_marks: int, choose: Choose, seed: int) -> float:
    """Mean of the mean IoU with 1, 2, ... labelled frames, from frame 0 on."""
    rng, marks, found = np.random.default_rng(seed), [0], []
    while True:
        found.append(mean_iou(propagator, clip, marks))
        if len(marks) == n_marks:
            return float(np.mean(found))
        marks.append(choose(propagator, clip, marks, rng))


def area_evenly(propagator: Propagator, clip: MoverClip, n_marks: int) -> float:
    """The same with frames from the first to the last at even distances."""
    choices = [[int(i) for i in np.linspace(0, clip.n_frames - 1, n)] for n in range(1, n_marks + 1)]
    return float(np.mean([mean_iou(propagator, clip, marks) for marks in choices]))


@click.command()
@click.option("--seeds", default=6, show_default=True, type=click.IntRange(2))
@click.option("--marks", default=4, show_default=True, help="Labelled frames at the end of each curve.")
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Footage in DAVIS layout instead.")
@click.option("--frames", default=24, show_default=True, help="Of each real sequence.")
def main(seeds: int, marks: int, data: Path | None, frames: int) -> None:
    """Compare the orders of freezing, and the ways to ask for frames."""
    clips = real_clips(data, frames) if data else [hard_clip(seed) for seed in range(seeds)]
    rows: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        store, settings = FlowStore(Path(folder)), PropagationSettings()
        for seed, clip in enumerate(track(clips, "clips")):
            ordered = HarmonicPropagator(store, settings)
            found = {
                "ordered": mean_iou(ordered, clip, [0]),
                "one-shot": mean_iou(HarmonicPropagator(store, settings, steps=0), clip, [0]),
                "random order": mean_iou(HarmonicPropagator(store, settings, order="random", seed=seed), clip, [0]),
                "query by entropy": area(ordered, clip, marks, by_entropy, seed),
                "query at random": float(
                    np.mean([area(ordered, clip, marks, by_chance, 10 * seed + r) for r in (0, 1)])
                ),
                "query evenly": area_evenly(ordered, clip, marks),
            }
            for name, value in found.items():
                rows.setdefault(name, []).append(value)
    table = Table("what", "mean IoU", "difference", "95% interval", "verdict", title=f"{len(clips)} clips")
    for name, rival in [
        ("ordered", "one-shot"),
        ("ordered", "random order"),
        ("query by entropy", "query at random"),
        ("query by entropy", "query evenly"),
    ]:
        table.add_row(f"{name} - {rival}", *difference(rows[name], rows[rival]))
    Console(width=120).print(table)


def hard_clip(seed: int) -> MoverClip:
    """Low contrast, two objects, a look-alike, a moving camera and failing light."""
    return synthetic_clip(seed, objects=2, contrast=50, look_alike=True, pan=1.0, light=-0.4)


if __name__ == "__main__":
    main()
