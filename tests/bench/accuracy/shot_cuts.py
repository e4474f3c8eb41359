"""Cuts that are found where clips were joined, and what cuts do to J&F on joined clips.

python -m tests.bench.accuracy.shot_cuts --data DAVIS --pairs 20 --masks 2 --cache CACHE

Each pair is two clips, one after the other, drawn with ``--seed``; a cut anywhere but where they meet is a false alarm.
``--stride N`` shows every N-th frame only, so that what moves is N times as fast. With ``--masks`` so many of the pairs
are also labelled in a few even frames, and propagated with the cuts that were found and without any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from al_core.evaluation.video_quality import evaluate_video
from al_core.fingerprint import fingerprint
from al_core.footage.clips import Clip, clips_of
from al_core.footage.images import resized, working_size
from al_core.footage.shots import LONG_SIDE, find_shots
from al_core.masks.rle import encode
from al_core.propagation import Resources
from al_core.records import ONE_SHOT, FrameLabel, FrameRef, Identities, MaskLabel, Shots
from al_core.settings import FrameSettings, PropagationSettings
from tasks.benchmark.one_clip import evenly, propagate_clip

OTHER_TRACKS = 1000
"""Added to the numbers of the second clip's objects."""


@dataclass(frozen=True)
class JoinedClip:
    """One clip after the other, at the size of the first one; every ``stride``-th frame of each, at most ``most``."""

    first: Clip
    second: Clip
    stride: int = 1
    most: int = 10_000

    @cached_property
    def places(self) -> list[tuple[Clip, int]]:
        """The clip and the frame of it that each frame shows."""
        ends = [(clip, range(0, clip.n_frames, self.stride)[: self.most]) for clip in (self.first, self.second)]
        return [(clip, i) for clip, frames in ends for i in frames]

    @property
    def cut(self) -> int:
        """The first frame of the second clip."""
        return sum(clip is self.first for clip, _ in self.places)

    @property
    def sha256(self) -> str:
        """Hash of what is shown."""
        return fingerprint([self.first.sha256, self.second.sha256, self.stride, self.most])

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.places)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a frame in pixels."""
        return self.first.size

    def read(self, frame_idx: int) -> NDArray[np.uint8]:
        """Return one frame, RGB uint8 [h, w, 3]."""
        clip, i = self.places[frame_idx]
        return resized(clip.read(i), self.size)

    def label(self, frame_idx: int) -> FrameLabel | None:
        """Return the truth of a frame; None where it is not known."""
        clip, i = self.places[frame_idx]
        if i not in clip.truth_frames:
            return None
        shift = 0 if clip is self.first else OTHER_TRACKS
        masks = {track + shift: resized(mask.astype(np.uint8), self.size) > 0 for track, mask in clip.truth(i).items()}
        found = tuple(MaskLabel(track, 1, encode(mask)) for track, mask in masks.items() if mask.any())
        return FrameLabel(FrameRef(1, frame_idx), found)


@click.command()
@click.option("--data", required=True, multiple=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--pairs", default=20, show_default=True, help="How many pairs of clips are joined.")
@click.option("--stride", default=1, show_default=True, help="Every so many frames are shown.")
@click.option("--masks", default=0, show_default=True, help="How many of the pairs are propagated.")
@click.option("--labels", default=4, show_default=True, help="Labelled frames of a pair.")
@click.option("--most", default=24, show_default=True, help="Frames of each clip that are propagated.")
@click.option("--seed", default=0, show_default=True)
@click.option("--cache", required=True, type=click.Path(file_okay=False, path_type=Path))
def main(
    data: Sequence[Path], pairs: int, stride: int, masks: int, labels: int, most: int, seed: int, cache: Path
) -> None:
    """Join clips, look for the cuts, propagate, and print tables."""
    clips = [clip for folder in data for clip in clips_of(folder, None)]
    chosen = drawn(clips, pairs, np.random.default_rng(seed))
    console = Console()
    _tell_found(console, [JoinedClip(a, b, stride) for a, b in chosen])
    if masks:
        side = FrameSettings().working_long_side
        small = [(Clip(a.source, side), Clip(b.source, side)) for a, b in chosen[:masks]]
        _tell_quality(console, [JoinedClip(a, b, stride, most) for a, b in small], labels, cache)


def drawn(clips: Sequence[Clip], n: int, rng: np.random.Generator) -> list[tuple[Clip, Clip]]:
    """Draw pairs of different clips."""
    pairs = (rng.choice(len(clips), 2, replace=False) for _ in range(n))
    return [(clips[int(a)], clips[int(b)]) for a, b in pairs]


def found_in(clip: JoinedClip) -> Shots:
    """Look for cuts in a joined clip, as ingest does."""
    size = working_size(*clip.size, LONG_SIDE)
    return find_shots(resized(clip.read(i), size) for i in range(clip.n_frames))


def quality_of(clip: JoinedClip, marks: Sequence[int], shots: Shots, cache: Path) -> float:
    """Return J&F of the frames without a label, propagated by flow from the labelled ones."""
    truth = {i: label for i in range(clip.n_frames) if (label := clip.label(i)) is not None}
    labels = {i: truth[i] for i in marks if i in truth}
    resources = Resources(PropagationSettings(), cache, shots=shots)
    delivered = dict(propagate_clip(clip, labels, clip.size, resources.settings.methods, resources))
    rows = evaluate_video(delivered, truth, set(labels), Identities.PERSISTENT)
    return next(row.value for row in rows if (row.metric, row.provenance, row.track_id) == ("jf", "all", None))


def _tell_found(console: Console, joined: Sequence[JoinedClip]) -> None:
    table = Table("first", "second", "frames", "cut", "found", "still")
    hits = alarms = transitions = 0
    for clip in joined:
        shots = found_in(clip)
        hits += clip.cut in shots.cuts
        alarms += len(set(shots.cuts) - {clip.cut})
        transitions += clip.n_frames - 2
        cells = (clip.n_frames, clip.cut, " ".join(map(str, shots.cuts)), sum(len(r) - 1 for r in shots.repeats))
        table.add_row(clip.first.name, clip.second.name, *map(str, cells))
    console.print(table)
    console.print(f"found {hits} of {len(joined)} cuts; {alarms} false alarms in {transitions:,} other transitions")


def _tell_quality(console: Console, joined: Sequence[JoinedClip], n_labels: int, cache: Path) -> None:
    table = Table("first", "second", "labels at", "J&F without cuts", "with", "gain")
    gains = []
    for clip in joined:
        marks = evenly(clip.n_frames, n_labels)
        without, with_cuts = (quality_of(clip, marks, shots, cache) for shots in (ONE_SHOT, found_in(clip)))
        gains.append(with_cuts - without)
        cells = (f"{without:.3f}", f"{with_cuts:.3f}", f"{gains[-1]:+.3f}")
        table.add_row(clip.first.name, clip.second.name, " ".join(map(str, marks)), *cells)
    console.print(table)
    console.print(f"mean gain {np.mean(gains):+.3f} J&F over {len(gains)} joined clips")


if __name__ == "__main__":
    main()
