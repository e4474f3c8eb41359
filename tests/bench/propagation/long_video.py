"""Memory and speed of ``auto`` or a propagator on a long video: a clip back and forth, every 500th frame labelled.

python -m tests.bench.propagation.long_video FOLDER --clip dog-agility --frames 2000,20000 --cache CACHE --flow-side 160

FOLDER holds copies that :mod:`tests.bench.propagation.small_copies` wrote. Each length has a process of its own, for
its peak memory; masks are looked at and thrown away. The flow's size changes time and what a frame takes, not how
memory grows with the length; with ``--seconds-per-frame 0`` nothing dearer than the flow is tried.
"""

import json
import multiprocessing
import resource
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from al_core.fingerprint import fingerprint
from al_core.fusion.choice import Choice, choose
from al_core.fusion.combination import propagations
from al_core.propagation import Resources
from al_core.propagation.labelled_clip import tracks_of
from al_core.settings import AUTO, PropagationSettings
from tests.bench.propagation.member_table import one_thread
from tests.bench.propagation.small_copies import SmallCopy, copies_of

GAP = 500
"""Frames between two labels."""


class BackAndForth:
    """A clip forward and backward, over and over."""

    def __init__(self, copy: SmallCopy, n_frames: int) -> None:
        there = list(range(copy.n_frames))
        lap = there + there[-2:0:-1]
        self.index = [lap[i % len(lap)] for i in range(n_frames)]
        self.n_frames, self.size = n_frames, copy.size
        self.sha256 = fingerprint([copy.sha256, n_frames])
        self._shown = [copy.read(i) for i in there]

    def read(self, frame_idx: int) -> NDArray[np.uint8]:
        """Return one frame."""
        return self._shown[self.index[frame_idx]]


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--clip", required=True)
@click.option("--method", default=AUTO, show_default=True, help="auto, or a propagator.")
@click.option("--frames", "lengths", default="2000,20000", show_default=True)
@click.option("--flow-side", default=160, show_default=True, help="Longer side of the flow, in pixels.")
@click.option("--seconds-per-frame", type=float, help="What a frame put right may cost; default: as a project has it.")
@click.option("--cache", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--workers", default=1, show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path))
def main(
    folder: Path,
    clip: str,
    method: str,
    lengths: str,
    flow_side: int,
    seconds_per_frame: float | None,
    cache: Path,
    workers: int,
    out: Path | None,
) -> None:
    """Run each length."""
    (copy,) = copies_of(folder, [clip])
    with multiprocessing.get_context("spawn").Pool(workers, one_thread, maxtasksperchild=1) as pool:
        asked = PropagationSettings(methods=(method,), flow_long_side=flow_side)
        if seconds_per_frame is not None:
            asked = asked.model_copy(update={"seconds_per_frame": seconds_per_frame})
        found = [pool.apply_async(run, (copy, int(n), asked, cache)) for n in lengths.split(",")]
        told = []
        for one in found:
            told.append(one.get())
            click.echo(json.dumps(told[-1]))
            if out is not None:
                out.write_text(json.dumps(told, indent=1) + "\n")


def run(copy: SmallCopy, n_frames: int, settings: PropagationSettings, cache: Path) -> dict[str, Any]:
    """Choose and carry; tell CPU seconds, and peak memory in MB."""
    frames = BackAndForth(copy, n_frames)
    labels = {i: copy.truth(frames.index[i]) for i in range(0, n_frames, GAP)}
    resources = Resources(settings, cache)
    before, started = peak_megabytes(), time.process_time()
    one = None if settings.chooses else Choice(dict.fromkeys(tracks_of(labels), *settings.methods))
    choice = one or choose(resources, frames, labels)
    chosen = time.process_time()
    masks = sum(len(f.tracks) for f in choice.of(propagations(choice.names, resources, frames, labels), labels)())
    return {
        "frames": n_frames,
        "chosen": choice.describe(),
        "masks": masks,
        "choose_seconds": chosen - started,
        "seconds": time.process_time() - started,
        "before_megabytes": before,
        "peak_megabytes": peak_megabytes(),
    }


def peak_megabytes() -> float:
    """Peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
