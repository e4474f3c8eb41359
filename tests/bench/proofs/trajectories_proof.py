"""Proof of the trajectory propagator: objects that were hidden as a whole, after they are to be seen again.

Only frame 0 is labelled. Compared with masks carried along the flow, paired by seed. A loss is printed as a loss.

python -m tests.bench.proofs.trajectories_proof --seeds 8
"""

import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from al_core.propagation.flow import FlowPropagator
from al_core.propagation.trajectories.trajectories import TrajectoryPropagator
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.bench.proofs.paired import difference, mean_iou, real_clips
from tests.toys.footage.movers import MoverClip
from tests.toys.footage.synthetic import reappearances, synthetic_clip


def hidden_clips(seeds: int) -> dict[str, list[MoverClip]]:
    """Clips with an occluder, by how hard they are."""
    return {
        "plain": [synthetic_clip(s, occluder=True) for s in range(seeds)],
        "two objects, low contrast, pan": [
            synthetic_clip(s, occluder=True, objects=2, contrast=50, pan=0.5) for s in range(seeds)
        ],
        "look-alike": [synthetic_clip(s, occluder=True, look_alike=True) for s in range(seeds)],
    }


@click.command()
@click.option("--seeds", default=8, show_default=True, type=click.IntRange(2))
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Footage in DAVIS layout instead.")
@click.option("--frames", default=24, show_default=True, help="Of each real sequence.")
def main(seeds: int, data: Path | None, frames: int) -> None:
    """Compare with chained flow; on real footage over all frames, since nothing says what is hidden there."""
    sets = {"real, all frames": real_clips(data, frames)} if data else hidden_clips(seeds)
    table = Table("clips", "trajectories / flow", "difference", "95% interval", "verdict")
    with tempfile.TemporaryDirectory() as folder:
        store, settings = FlowStore(Path(folder)), PropagationSettings()
        ours, theirs = TrajectoryPropagator(store, settings), FlowPropagator(store, settings)
        for name, clips in sets.items():
            first, second = [], []
            for clip in track(clips, name):
                again = () if data else reappearances(clip)
                first.append(mean_iou(ours, clip, [0], again))
                second.append(mean_iou(theirs, clip, [0], again))
            table.add_row(f"{name} ({len(clips)})", *difference(first, second))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
