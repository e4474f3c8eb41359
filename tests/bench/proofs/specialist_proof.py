"""Is the specialist worth its two stages, and do more labels help it? After OSVOS (Caelles et al., CVPR 2017).

python -m tests.bench.proofs.specialist_proof

A parent learns on other clips; on each new clip four specialists get the same prior-free task (the flow is left
out, so that the network itself is measured): parent alone, trained online from random weights, parent and online
with three labels, parent and online with one. Everything is paired by clip.
"""

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from al_core.propagation.flow import FlowPropagator
from al_core.propagation.specialist.examples import labelled_frames, network_input
from al_core.propagation.specialist.network import SpecialistNetwork, load_weights, new_network
from al_core.propagation.specialist.training import train, train_parent
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import MoverClip, iou
from tests.toys.footage.synthetic import synthetic_clip

SIZE = (64, 112)
FRAMES = 12
THREE, ONE = (1, 6, 10), (6,)
PARENT_CLIPS = 4
DRAWS = 2000


@click.command()
@click.option("--seeds", default=5, show_default=True)
@click.option("--steps", default=30, show_default=True, help="Of training on each clip.")
@click.option("--parent-steps", default=80, show_default=True)
def main(seeds: int, steps: int, parent_steps: int) -> None:
    """Compare mean J over unlabelled frames, clip by clip."""
    console = Console(width=110)
    figures: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        path, flow = Path(folder) / "parent.pt", FlowPropagator(FlowStore(Path(folder)), PropagationSettings())
        others = [clip_of(1000 + i) for i in range(PARENT_CLIPS)]
        parents = [(c, {i: c.truth[i] for i in THREE}) for c in others]
        parent = train_parent(parents, lambda frames: frames.size, flow, path, parent_steps)
        for seed in track(range(seeds), "clips", console=console):
            clip = clip_of(seed)
            for name, start, marks in (
                ("parent + online, 3 labels", load_weights(path), THREE),
                ("online only, 3 labels", new_network(seed), THREE),
                ("parent + online, 1 label", load_weights(path), ONE),
            ):
                labels = {i: clip.truth[i] for i in marks}
                train(start, list(labelled_frames(clip, labels, clip.size, flow)), steps, seed)
                figures[name].append(quality(start, clip))
            figures["parent only"].append(quality(parent, clip))
    report(console, figures)


def clip_of(seed: int) -> MoverClip:
    """One object, a moving camera and changing light."""
    return synthetic_clip(seed, n_frames=FRAMES, size=SIZE, radius=13, pan=1.0, light=-0.3)


def quality(network: SpecialistNetwork, clip: MoverClip) -> float:
    """Mean J over the frames that none of the methods has a label of, without a prior."""
    import torch

    network.eval()
    blank = np.zeros(clip.size, np.float32)
    found = []
    for i in set(range(clip.n_frames)) - set(THREE):
        inputs = torch.from_numpy(network_input(clip.images[i], blank, blank)).permute(2, 0, 1)[None]
        with torch.inference_mode():
            found.append(iou(network(inputs)[0].numpy() > 0, clip.truth[i][1]))
    return float(np.mean(found))


def report(console: Console, figures: dict[str, list[float]]) -> None:
    """Means, and paired differences with their 95% bootstrap interval; a loss is called a loss."""
    table = Table("specialist", "mean J")
    for name, values in figures.items():
        table.add_row(name, f"{np.mean(values):.3f}")
    console.print(table)
    first = "parent + online, 3 labels"
    table = Table(f"{first}, against", "difference in J", "95% interval", "verdict")
    for name in figures.keys() - {first}:
        table.add_row(name, *difference(figures[first], figures[name]))
    console.print(table)


def difference(first: Sequence[float], second: Sequence[float]) -> tuple[str, str, str]:
    """Mean paired difference, interval and verdict, as text."""
    values = np.subtract(first, second)
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(DRAWS, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    verdict = "win" if low > 0 else "loss" if high < 0 else "undecided"
    return f"{values.mean():+.3f}", f"{low:+.3f} to {high:+.3f}", verdict


if __name__ == "__main__":
    main()
