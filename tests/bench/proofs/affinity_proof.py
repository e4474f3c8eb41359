"""Whether learned features and the flow help to copy masks: paired differences of mean J over clips.

python -m tests.bench.proofs.affinity_proof --cache FOLDER
python -m tests.bench.proofs.affinity_proof --cache FOLDER --data DAVIS --sequences dog,libby

Every clip is done by every arm with the same evenly spaced labels; frames that are labelled do not count. Without
``--data`` the clips are toys, a slow and a fast one for each seed. A run that was stopped goes on where it was: what
is done is kept in the cache.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch.nn import functional

from al_core.evaluation.metrics import jaccard
from al_core.fingerprint import fingerprint
from al_core.footage.clips import Clip, ClipFrames, clips_of
from al_core.masks.soft import shrink
from al_core.propagation.affinity.affinity import AffinityPropagator, Matching
from al_core.propagation.affinity.encoder import STRIDE, Describe, to_lab
from al_core.propagation.affinity.encoder_training import learned_features
from al_core.propagation.base import Labels, PropagatedFrame, PropagatedTrack, Resources
from al_core.propagation.flow import FlowPropagator
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import MoverClip, line, mover_clip

LAB_SCALE = 10.0
"""Of raw Lab as features; better than 5 or as good on the DAVIS clips that were looked at."""

CLAIMS = {
    "learned features (and colour) beat raw Lab": ("learned", "lab"),
    "learned features (and colour) beat untrained ones (and colour)": ("learned", "untrained"),
    "copying beats masks that stay where they are": ("learned", "static"),
    "memory brought along the flow beats memory that is not": ("learned", "not aligned"),
    "copying beats flow alone": ("learned", "flow"),
}
"""What is claimed, and the two arms that decide it."""

Footage = Clip | MoverClip
Run = Callable[[Footage, Labels], Iterator[PropagatedFrame]]


@click.command()
@click.option("--cache", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="DAVIS layout.")
@click.option("--sequences", help="Comma-separated names; default: all.")
@click.option("--seeds", default=5, show_default=True, help="Toys of each kind, without --data.")
@click.option("--labels", "n_labels", default=4, show_default=True, help="Labelled frames of a real clip; toys have 2.")
@click.option("--steps", default=400, show_default=True, help="Of the encoder's training.")
def main(cache: Path, data: Path | None, sequences: str | None, seeds: int, n_labels: int, steps: int) -> None:
    """Run all arms on all clips, then print every claim with its interval."""
    console = Console(width=140)
    groups = real(data, sequences) if data else toys(seeds)
    arms = arms_of(cache, steps)
    count = n_labels if data else 2
    with Progress(console=console) as progress:
        task = progress.add_task("clips and arms", total=len(arms) * sum(map(len, groups.values())))
        for group, clips in groups.items():
            found: dict[str, list[float]] = {arm: [] for arm in arms}
            for clip in clips.values():
                for arm, run in arms.items():
                    key = fingerprint([clip.sha256, clip.size, clip.n_frames, arm, count, steps, repr(Matching())])
                    found[arm].append(kept(cache / "proof" / f"{key}.json", lambda c=clip, r=run: mean_j(c, r, count)))
                    progress.advance(task)
            console.print(clip_table(group, list(clips), found))
            console.print(claim_table(group, found))


def toys(seeds: int) -> Mapping[str, Mapping[str, MoverClip]]:
    """Disks that move slowly, and by more than the window in each frame."""
    slow = {f"slow {s}": toy(s, (3, 1)) for s in range(seeds)}
    fast = {f"fast {s}": toy(100 + s, (17, 3)) for s in range(seeds)}
    return {"slow toys": slow, "fast toys": fast}


def toy(seed: int, step: tuple[float, float]) -> MoverClip:
    """Two disks that meet, one over the other."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(24, 32), rng.uniform(34, 44)
    right = line((x, y), step)
    left = line((x + 11 * step[0], y + rng.uniform(20, 28)), (-step[0], -step[1]))
    return mover_clip({1: right, 2: left}, radius=18, size=(96, 256), seed=seed)


def real(data: Path, sequences: str | None) -> Mapping[str, Mapping[str, Clip]]:
    """Sequences of a folder."""
    clips = clips_of(data, sequences.split(",") if sequences else None, PropagationSettings().flow_long_side)
    return {"real clips": {clip.name: clip for clip in clips}}


def arms_of(cache: Path, steps: int) -> dict[str, Run]:
    """What is compared, by name."""
    store = FlowStore(cache / "flow")
    settings = PropagationSettings(encoder_steps=steps)
    learned = learned_features(Resources(settings, cache))
    untrained = learned_features(Resources(PropagationSettings(encoder_steps=0), cache))

    def copying(features: Callable[..., Describe], **matching: bool) -> Run:
        return AffinityPropagator(store, settings, features, Matching(**matching)).propagate

    return {
        "learned": copying(learned),
        "lab": copying(lab_features),
        "untrained": copying(untrained),
        "not aligned": copying(learned, aligned=False),
        "static": static,
        "flow": FlowPropagator(store, settings).propagate,
    }


def lab_features(frames: ClipFrames, size: tuple[int, int]) -> Describe:
    """The mean colour of each cell."""
    return lambda image: functional.avg_pool2d(to_lab(image)[None], STRIDE)[0] * LAB_SCALE


def static(clip: Footage, labels: Labels) -> Iterator[PropagatedFrame]:
    """Masks of the nearest labelled frame, where they were."""
    for i in range(clip.n_frames):
        nearest = min(labels, key=lambda mark: abs(mark - i))
        masks = {t: shrink(mask, clip.size).soft(clip.size) for t, mask in labels[nearest].items()}
        yield PropagatedFrame(i, {t: PropagatedTrack(mask, 1.0) for t, mask in masks.items()})


def truth_of(clip: Footage, frame: int) -> Mapping[int, np.ndarray]:
    """Masks by track, at the clip's full size."""
    return clip.truth[frame] if isinstance(clip, MoverClip) else clip.truth(frame)


def mean_j(clip: Footage, run: Run, n_labels: int) -> float:
    """Mean J over the objects of all frames that are not labelled."""
    marks = [int((i + 0.5) * clip.n_frames / n_labels) for i in range(n_labels)]
    found = []
    for frame in run(clip, {mark: truth_of(clip, mark) for mark in marks}):
        if frame.frame_idx in marks:
            continue
        ignored = None if isinstance(clip, MoverClip) else clip.ignore(frame.frame_idx)
        for track, mask in truth_of(clip, frame.frame_idx).items():
            seen = np.zeros(mask.shape, bool)
            if track in frame.tracks:
                seen = cv2.resize(frame.tracks[track].mask.full(), mask.shape[::-1]) > 0.5
            found.append(jaccard(seen, mask, ignored))
    return float(np.mean(found))


def kept(path: Path, make: Callable[[], float]) -> float:
    """A figure from its file, or made now and written there."""
    if path.is_file():
        return float(json.loads(path.read_text()))
    value = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return value


def interval(differences: np.ndarray) -> tuple[float, float]:
    """95% percentile interval of the mean, by a bootstrap over clips."""
    rng = np.random.default_rng(0)
    means = rng.choice(differences, (4000, len(differences))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def clip_table(group: str, names: list[str], found: Mapping[str, list[float]]) -> Table:
    """Mean J by clip and arm."""
    table = Table("clip", *found, title=f"Mean J, {group}")
    for i, name in enumerate(names):
        table.add_row(name, *(f"{values[i]:.3f}" for values in found.values()))
    table.add_row("mean", *(f"{np.mean(values):.3f}" for values in found.values()))
    return table


def claim_table(group: str, found: Mapping[str, list[float]]) -> Table:
    """Each claim with its mean difference, interval and verdict."""
    table = Table("claim", "clips", "mean difference of J", "95% over clips", "verdict", title=f"Claims, {group}")
    for claim, (better, worse) in CLAIMS.items():
        differences = np.array(found[better]) - np.array(found[worse])
        low, high = interval(differences)
        verdict = "win" if low > 0 else "loss" if high < 0 else "not decided"
        row = (f"{differences.mean():+.4f}", f"{low:+.4f} to {high:+.4f}", verdict)
        table.add_row(claim, str(len(differences)), *row)
    return table


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
