"""Proof of discovery: what moves by itself, with a camera that stands and one that pans, against what is simpler.

Nothing is labelled. The rivals take the largest connected part of what changed since the frame before, and of what
moves at all, whatever the camera does. The figure is the mean over frames and objects of the overlap with the best
part that was found.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from al_core.discovery.motion import LONG_SIDE, PRESET, moving_in
from al_core.discovery.moving_objects import parts_of
from al_core.stores.optical_flow import FlowStore
from tests.bench.proofs.proof import Claim, Figures, Proof
from tests.toys.footage.movers import Mask, MoverClip, iou
from tests.toys.footage.synthetic import synthetic_clip

OURS, CHANGE, MOVES = "motion teacher", "change of brightness", "flow, camera and all"
SETS: Mapping[str, Mapping[str, float | int | bool]] = {
    "standing camera": {},
    "panning camera": {"pan": 2.0},
    "two objects, changing light": {"objects": 2, "pan": 1.0, "light": -0.3},
}
STILL = 0.5
"""Pixels that something moves by at least, in a frame of flow."""


def found(clip: MoverClip, cache: Path) -> Iterator[list[Mask]]:
    """What the motion teacher finds in each frame."""
    for _, objects in moving_in(FlowStore(cache / "flow"), clip):
        yield [one.mask.full() > 0.5 for one in objects]


def changed(clip: MoverClip) -> Iterator[list[Mask]]:
    """What changed since the frame before (in the first, till the next), by a threshold that parts two groups best."""
    grey = [image.max(axis=2) for image in clip.images]
    for i, here in enumerate(grey):
        change = cv2.GaussianBlur(cv2.absdiff(here, grey[i - 1 if i else 1]), (5, 5), 0)
        _, above = cv2.threshold(change, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        yield parts_of(above.astype(np.float32))


def moved(clip: MoverClip, cache: Path) -> Iterator[list[Mask]]:
    """What moves at all."""
    flow = FlowStore(cache / "flow").clip(clip, LONG_SIDE, PRESET)
    for i in range(clip.n_frames):
        way = flow.pair(i)[0] if i + 1 < clip.n_frames else flow.pair(i - 1)[1]
        yield parts_of((np.linalg.norm(way, axis=2) > STILL).astype(np.float32))


def overlap(clip: MoverClip, parts: Iterator[list[Mask]]) -> float:
    """Mean over the objects to be seen of the overlap with the best part of their frame."""
    best: list[float] = []
    for truth, masks in zip(clip.truth, parts, strict=True):
        best += [max((iou(mask, thing) for mask in masks), default=0.0) for thing in truth.values()]
    return float(np.mean(best))


def footage(seed: int) -> Mapping[str, MoverClip]:
    """The clips of a seed."""
    return {name: synthetic_clip(seed, **kinds) for name, kinds in SETS.items()}


def figures(clip: MoverClip, seed: int, cache: Path) -> Figures:
    """Every arm on one clip."""
    arms = {OURS: found(clip, cache), CHANGE: changed(clip), MOVES: moved(clip, cache)}
    return {name: overlap(clip, parts) for name, parts in arms.items()}


RIVALS: Sequence[str] = (CHANGE, MOVES)
PROOF = Proof("discovery", tuple(Claim(OURS, rival) for rival in RIVALS), footage, figures)
