"""Proof of the track propagator: identity switches and J where objects of one class cross.

All five scores are compared with some of them alone and with ``flow``, paired by seed; only frame 0 is labelled. The
aim: fewer switches than by overlap with carried masks alone and than by re-identification alone, and no lower J. A loss
is printed as a loss.

python -m tests.bench.proofs.tracks_proof --seeds 12
python -m tests.bench.proofs.tracks_proof --data DAVIS --sequence tabletop --labels 2,4
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from al_core.evaluation.identity_switches import SwitchCounter
from al_core.evaluation.metrics import jaccard
from al_core.footage.clips import ClipFrames, clips_of
from al_core.propagation.base import Propagator
from al_core.propagation.flow import FlowPropagator
from al_core.propagation.tracks.track_merging import MergeWeights, Merging
from al_core.propagation.tracks.tracks import TrackPropagator
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tasks.benchmark.one_clip import evenly
from tests.bench.proofs.paired import RESAMPLES
from tests.toys.footage.crossings import crossing_clip

OURS, WARP, LOOKS, FLOW = "five scores", "warp alone", "re-identification alone", "flow"
SETS = {
    "two pass": {"objects": 2},
    "two meet and turn back": {"objects": 2, "turning": True},
    "three pass": {"objects": 3},
}
NOWHERE = 1e-10
"""The floor of PReMVOS, for arms whose scores are on another scale."""

MERGES = {
    OURS: Merging(),
    "without re-identification": Merging(MergeWeights(0.259 / 0.697, 0, 0, 0.125 / 0.697, 0.313 / 0.697)),
    # With the carried masks among its proposals it would always take them, and be ``flow``.
    WARP: Merging(MergeWeights(0, 0, 0, 1, 0), NOWHERE, carried=False),
    LOOKS: Merging(MergeWeights(0, 1, 0, 0, 0), NOWHERE),
}

Truth = Sequence[Mapping[int, np.ndarray]]


@dataclass(frozen=True)
class Found:
    """What came of a clip: identity switches, and mean J of each object over the frames that are not labelled; where
    it is rightly absent J is 1."""

    switches: int
    j: tuple[float, ...]


def follow(propagator: Propagator, frames: ClipFrames, truth: Truth, marks: Sequence[int]) -> Found:
    """Run a propagator over a clip with the truth of some frames as labels."""
    counter = SwitchCounter()
    nothing = np.zeros(frames.size, bool)
    tracks = sorted({t for masks in truth for t in masks})
    overlaps: dict[int, list[float]] = {t: [] for t in tracks}
    for frame in propagator.propagate(frames, {i: truth[i] for i in marks}):
        masks = {t: found.mask.full() > 0.5 for t, found in frame.tracks.items()}
        counter.add(truth[frame.frame_idx], masks)
        if frame.frame_idx not in marks:
            for t in tracks:
                overlaps[t].append(jaccard(masks.get(t, nothing), truth[frame.frame_idx].get(t, nothing)))
    return Found(counter.switches, tuple(float(np.mean(values)) for values in overlaps.values()))


def propagators(store: FlowStore, settings: PropagationSettings) -> dict[str, Propagator]:
    """All arms."""
    merged = {name: TrackPropagator(store, settings, merging=merging) for name, merging in MERGES.items()}
    return {**merged, FLOW: FlowPropagator(store, settings)}


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """(mean, the ends of its 95% bootstrap interval)."""
    drawn = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(np.asarray(values)[drawn].mean(axis=1), [0.025, 0.975])
    return float(np.mean(values)), float(low), float(high)


def written(values: Sequence[float]) -> str:
    """The same as text."""
    mean, low, high = interval(values)
    return f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"


def verdict(first: Sequence[Found], second: Sequence[Found]) -> str:
    """Whether the first has fewer switches, and whether its J is no lower."""
    fewer = interval([a.switches - b.switches for a, b in zip(first, second, strict=True)])
    better = interval([np.mean(a.j) - np.mean(b.j) for a, b in zip(first, second, strict=True)])
    switches = "fewer switches" if fewer[2] < 0 else "MORE SWITCHES" if fewer[1] > 0 else "switches not decided"
    return f"{switches}, {'LOWER J' if better[0] < 0 else 'no lower J'}"


def tell_synthetic(found: Mapping[str, Mapping[str, Sequence[Found]]], console: Console) -> None:
    """A table of each set and one of all of them, with differences to the five scores, paired by clip."""
    pooled = {arm: [f for by_arm in found.values() for f in by_arm[arm]] for arm in next(iter(found.values()))}
    for name, by_arm in {**found, "all": pooled}.items():
        table = Table("arm", "switches", "J", "five scores - arm: switches a clip", "J", "five scores have")
        for arm, theirs in by_arm.items():
            ours = by_arm[OURS]
            row = [arm, str(sum(f.switches for f in theirs)), f"{np.mean([np.mean(f.j) for f in theirs]):.3f}"]
            if arm != OURS:
                pairs = list(zip(ours, theirs, strict=True))
                row += [written([a.switches - b.switches for a, b in pairs])]
                row += [written([float(np.mean(a.j) - np.mean(b.j)) for a, b in pairs]), verdict(ours, theirs)]
            table.add_row(*row)
        table.title = f"{name} ({len(by_arm[OURS])} clips)"
        console.print(table)
    reached = all(verdict(pooled[OURS], pooled[arm]) == "fewer switches, no lower J" for arm in (WARP, LOOKS))
    console.print(f"Fewer switches than {WARP} and {LOOKS}, and no lower J: {'reached' if reached else 'NOT REACHED'}")


@click.command()
@click.option("--seeds", default=12, show_default=True, type=click.IntRange(2))
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Footage in DAVIS layout instead.")
@click.option("--sequence", help="Its sequence.")
@click.option("--labels", default="2,4", show_default=True, help="Evenly spaced human frames, on real footage.")
@click.option("--long-side", default=427, show_default=True, help="Of real frames and masks, in pixels.")
def main(seeds: int, data: Path | None, sequence: str | None, labels: str, long_side: int) -> None:
    """Compare the arms; on real footage five scores and flow alone."""
    console = Console(width=150)
    with tempfile.TemporaryDirectory() as folder:
        store, settings = FlowStore(Path(folder)), PropagationSettings()
        arms = propagators(store, settings)
        if data is not None:
            tell_real(arms, data, sequence, [int(n) for n in labels.split(",")], long_side, console)
            return
        found: dict[str, dict[str, list[Found]]] = {}
        for name, options in SETS.items():
            found[name] = {arm: [] for arm in arms}
            for seed in track(range(seeds), name):
                clip = crossing_clip(seed, **options)
                for arm, propagator in arms.items():
                    found[name][arm].append(follow(propagator, clip, clip.truth, [0]))
        tell_synthetic(found, console)


def tell_real(
    arms: Mapping[str, Propagator],
    data: Path,
    sequence: str | None,
    counts: Sequence[int],
    long_side: int,
    console: Console,
) -> None:
    """Five scores against flow on one sequence; the interval is over its objects."""
    (clip,) = clips_of(data, [sequence] if sequence else None, long_side)
    truth = [clip.truth(i) for i in range(clip.n_frames)]
    table = Table("human frames", "arm", "switches", "J", "five scores - flow, over objects", title=clip.name)
    for n in counts:
        ours, flow = (follow(arms[arm], clip, truth, evenly(clip.n_frames, n)) for arm in (OURS, FLOW))
        apart = written([a - b for a, b in zip(ours.j, flow.j, strict=True)])
        table.add_row(str(n), OURS, str(ours.switches), f"{np.mean(ours.j):.3f}", apart)
        table.add_row("", FLOW, str(flow.switches), f"{np.mean(flow.j):.3f}", "")
    console.print(table)


if __name__ == "__main__":
    main()
