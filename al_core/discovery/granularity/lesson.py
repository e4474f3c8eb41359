"""What the student learns from: small frames of all clips, and what the motion teacher says of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_core.discovery.motion import LONG_SIDE, PRESET, chances
from al_core.discovery.moving_objects import Follower, by_frame
from al_core.footage.clips import ClipFrames
from al_core.footage.images import resized, working_size
from al_core.masks.rle import decode
from al_core.propagation.affinity.encoder import to_lab
from al_core.records import Shots
from al_core.stores.optical_flow import FlowStore

Map = NDArray[np.float32]
_T = TypeVar("_T", bound=np.generic)
Picture = NDArray[np.uint8]

SIDE = 192
"""Longer side of a frame as the student sees it, in pixels."""

CELL = 32
"""Height and width are padded to multiples of it: a window of matching is 8 cells of 4 pixels."""

MOST_SHOTS = 48
"""That are learnt from, evenly spaced among those that are there."""

STRETCH = 64
"""Frames of a shot that are learnt from, those in its middle."""

_SURE = 4.0


@dataclass(frozen=True, eq=False)
class TaughtShot:
    """A stretch of frames with what the teacher says.

    Attributes:
        pictures: RGB uint8 [h, w, 3] each, padded.
        odds: the teacher's log odds, float32 [h, w] each.
        objects: what the teacher followed as objects, bool [h, w] each.
        shown: the frames in which it found something.
    """

    pictures: Sequence[Picture]
    odds: Sequence[Map]
    objects: Sequence[NDArray[np.bool_]]
    shown: Sequence[int]


def lesson_of(
    clips: Sequence[tuple[ClipFrames, Shots]], store: FlowStore, on_shot: Callable[[int, int], None] | None = None
) -> list[TaughtShot]:
    """Return what is learnt from clips.

    Shots of one frame, and those in which nothing was found to move, are passed over.

    Args:
        on_shot: told how many shots, of how many, were looked at.
    """
    shots = [(frames, shot) for frames, cuts in clips for shot in cuts.ranges(frames.n_frames) if len(shot) > 1]
    at = np.linspace(0, len(shots) - 1, min(len(shots), MOST_SHOTS)).round().astype(int).tolist()
    found = []
    for done, number in enumerate(at, start=1):
        frames, shot = shots[number]
        found.append(taught(frames, shot, store))
        if on_shot is not None:
            on_shot(done, len(at))
    return [shot for shot in found if shot.shown]


def taught(frames: ClipFrames, shot: range, store: FlowStore) -> TaughtShot:
    """Return the middle of a shot with what the teacher says of it."""
    start = shot.start + max(0, (len(shot) - STRETCH) // 2)
    part = range(start, min(start + STRETCH, shot.stop))
    flow = store.clip(frames, LONG_SIDE, PRESET)
    size = working_size(*frames.size, SIDE)
    follower, maps = Follower(), []
    for index, chance in chances(frames, flow, part):
        follower.add(index, chance, flow.pair(index - 1)[1] if index > part.start else None)
        maps.append(chance)
    objects = by_frame(follower.found(), 1)
    masks = [
        np.logical_or.reduce([decode(rle) for _, _, rle in objects[i]]) if i in objects else np.zeros(flow.size, bool)
        for i in part
    ]
    return TaughtShot(
        [padded(resized(frames.read(i), size)) for i in part],
        [padded(_odds(_scaled(chance, size))) for chance in maps],
        [padded(_scaled(mask.astype(np.float32), size) > 0.5) for mask in masks],
        [k for k, mask in enumerate(masks) if mask.any()],
    )


def padded(picture: NDArray[_T]) -> NDArray[_T]:
    """Repeat the last row and column up to multiples of :data:`CELL`."""
    below, right = -picture.shape[0] % CELL, -picture.shape[1] % CELL
    return np.pad(picture, ((0, below), (0, right), *((0, 0),) * (picture.ndim - 2)), mode="edge")


def in_lab(pictures: Sequence[Picture]) -> Tensor:
    """Return pictures as the network sees them, float32 [n, 3, h, w]."""
    return torch.stack([to_lab(picture) for picture in pictures])


def _scaled(values: Map, size: tuple[int, int]) -> Map:
    return np.asarray(cv2.resize(values, size[::-1], interpolation=cv2.INTER_AREA), np.float32)


def _odds(chance: Map) -> Map:
    clipped = np.clip(chance, 1e-4, 1 - 1e-4)
    return np.clip(np.log(clipped / (1 - clipped)), -_SURE, _SURE).astype(np.float32)
