"""Frames a second and peak memory of propagation at 854x480, with flow computed anew and from the cache.

python -m tests.bench.speed.propagation_speed --frames 60 --objects 3
"""

import resource
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from al_core.fusion import fuse
from al_core.masks.rle import encode
from al_core.propagation.flow import FlowPropagator
from al_core.records import FrameLabel, FrameRef, MaskLabel
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import MoverClip, line, mover_clip


@click.command()
@click.option("--frames", "n_frames", default=60, show_default=True)
@click.option("--objects", "n_objects", default=3, show_default=True, type=click.IntRange(1, 3))
@click.option("--gap", default=8, show_default=True, help="Frames from one labelled frame to the next.")
def main(n_frames: int, n_objects: int, gap: int) -> None:
    """Label every ``gap``-th frame of a toy of 854x480 pixels and deliver the rest."""
    paths = {t: line((120 + 200 * t, 100 + 90 * t), (1.5, 0.5), n_frames) for t in range(n_objects)}
    clip = mover_clip({t + 1: path for t, path in paths.items()}, radius=60, size=(480, 854))
    table = Table("what", "seconds", "frames/s", "CPU ms a frame", "peak memory, MB")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("flow computed", "flow from the cache"):
            started, spent = time.perf_counter(), time.process_time()
            n_masks = deliver(clip, Path(folder), gap)
            seconds, cpu = time.perf_counter() - started, time.process_time() - spent
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            name = f"{name}, {n_masks} masks"
            per_frame = f"{1000 * cpu / n_frames:.0f}"
            table.add_row(name, f"{seconds:.2f}", f"{n_frames / seconds:.1f}", per_frame, f"{peak:.0f}")
        size = sum(f.stat().st_size for f in Path(folder).rglob("*.flow"))
    console = Console(width=120)
    console.print(table)
    console.print(f"flow on disk: {size / (n_frames - 1) / 1e3:.0f} kB a pair of frames")


def deliver(clip: MoverClip, folder: Path, gap: int) -> int:
    """Propagate and fuse a whole clip; returns how many masks came out."""
    settings = PropagationSettings()
    propagator = FlowPropagator(FlowStore(folder), settings)
    marks = range(gap // 2, clip.n_frames, gap)
    masks = {i: clip.truth[i] for i in marks}
    labels = {i: label(i, masks[i]) for i in marks}
    frames = fuse(labels, lambda: propagator.propagate(clip, masks), None, clip.size, settings)
    return sum(len(found) for _, found in frames)


def label(frame_idx: int, masks: dict[int, np.ndarray]) -> FrameLabel:
    """What a person would say of a frame."""
    found = (MaskLabel(t, 1, encode(mask)) for t, mask in masks.items())
    return FrameLabel(FrameRef(1, frame_idx), tuple(found))


if __name__ == "__main__":
    main()
