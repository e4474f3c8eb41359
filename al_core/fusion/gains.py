"""What a propagator is expected to gain on a video, from what is cheaply seen of it and what came of other videos.

Four things are looked at: how big the objects are, how fast they move, how far their colours are from what is around
them, and how much of them the flow is not sure of. The gains on other videos count the more the more alike these look,
and are drawn towards the share of the flow's doubt that a propagator takes away anywhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.footage.clips import ClipFrames
from al_core.footage.images import resized
from al_core.masks.soft import Size, shrink
from al_core.propagation.base import Labels
from al_core.stores.optical_flow import ClipFlow

MOST_LOOKS = 8
"""Labelled frames that are looked at, evenly spaced."""

SURROUND = 0.5
"""Width of what is around an object, as a share of the root of its area."""


class Looks(NamedTuple):
    """What is cheaply seen of a video: means over the objects of its labelled frames.

    Attributes:
        size: root of the share of the frame that an object takes, in [0, 1].
        motion: way of an object to the next frame, as a share of the root of its area.
        contrast: difference between the mean colours of an object and of what is around it, in [0, 1].
        doubt: 1 - mean confidence of the flow between the labels, in [0, 1].
    """

    size: float
    motion: float
    contrast: float
    doubt: float


SPREADS = Looks(0.15, 0.15, 0.15, 0.1)
"""How far two videos may differ in each and still be alike (standard deviations of a Gaussian)."""


class Case(NamedTuple):
    """What came of a video: the gain in mean overlap (IoU) over the flow, by propagator.

    Attributes:
        video: what it is called, so that it can be left out where it is measured itself.
    """

    video: str
    looks: Looks
    gains: Mapping[str, float]


SHARES: Mapping[str, float] = {"affinity": 0.2, "specialist": 0.5, "cutie": 0.3, "sam2": 0.4}
"""The share of the flow's doubt that a propagator is expected to take away where nothing like it was seen; of ``cutie``
and ``sam2`` by what their authors report, since their weights are not at hand."""

SHARES_COUNT = 2.0
"""Videos just like this one that it takes to outweigh the shares half and half."""

SHIPPED: Sequence[Case] = (
    Case("dog-agility", Looks(0.308, 0.076, 0.048, 0.603), {"affinity": 0.223, "specialist": 0.703}),
    Case("dog-agility", Looks(0.327, 0.107, 0.078, 0.303), {"affinity": 0.197, "specialist": 0.261}),
    Case("dog-agility-hidden-1", Looks(0.308, 0.073, 0.041, 0.494), {"affinity": 0.019, "specialist": 0.078}),
    Case("dog-agility-hidden-1", Looks(0.220, 0.448, 0.284, 0.572), {"affinity": -0.018, "specialist": -0.125}),
    Case("dog-agility-on-bikes", Looks(0.284, 0.095, 0.220, 0.723), {"affinity": 0.050, "specialist": 0.658}),
    Case("dog-agility-on-bikes", Looks(0.300, 0.114, 0.167, 0.276), {"affinity": 0.030, "specialist": 0.234}),
    Case("dog-agility-on-cups", Looks(0.284, 0.105, 0.271, 0.592), {"affinity": 0.241, "specialist": 0.539}),
    Case("dog-agility-on-cups", Looks(0.300, 0.096, 0.227, 0.272), {"affinity": 0.109, "specialist": 0.184}),
    Case("motorbike", Looks(0.121, 0.012, 0.280, 0.381), {"affinity": 0.179, "specialist": 0.364}),
    Case("motorbike", Looks(0.213, 0.078, 0.221, 0.068), {"affinity": -0.014, "specialist": 0.006}),
    Case("motorbike-hidden-2", Looks(0.121, 0.012, 0.280, 0.230), {"affinity": 0.008, "specialist": 0.070}),
    Case("motorbike-hidden-2", Looks(0.203, 0.067, 0.225, 0.333), {"affinity": -0.082, "specialist": -0.082}),
    Case("motorbike-on-dog", Looks(0.111, 0.013, 0.097, 0.330), {"affinity": 0.106, "specialist": 0.239}),
    Case("motorbike-on-dog", Looks(0.195, 0.077, 0.227, 0.081), {"affinity": 0.019, "specialist": 0.028}),
    Case("motorbike-on-juggle", Looks(0.111, 0.014, 0.076, 0.308), {"affinity": 0.116, "specialist": 0.225}),
    Case("motorbike-on-juggle", Looks(0.195, 0.077, 0.135, 0.079), {"affinity": 0.022, "specialist": 0.041}),
)
"""Of two clips of DAVIS 2016 (training set) and six composites of their objects, hidden behind a pillar or put onto
other footage, with the first frame and with four frames labelled; ``tests/bench/propagation`` made and measured them.
No figure is told of any of them."""


def expected_gain(name: str, looks: Looks, cases: Iterable[Case]) -> float:
    """Return what a propagator is expected to gain over the flow on a video, in mean overlap (IoU)."""
    known = [case for case in cases if name in case.gains]
    weights = [_alike(looks, case.looks) for case in known]
    told = sum(weight * case.gains[name] for weight, case in zip(weights, known, strict=True))
    return (told + SHARES_COUNT * SHARES.get(name, 0.0) * looks.doubt) / (sum(weights) + SHARES_COUNT)


def look_at(frames: ClipFrames, labels: Labels, flow: ClipFlow, doubt: float) -> Looks:
    """Look at a video at the size of its flow.

    Args:
        labels: at least one object in them.
        doubt: 1 - mean confidence of the flow.
    """
    marks = sorted(mark for mark in labels if labels[mark])
    chosen = sorted({marks[int(i)] for i in np.linspace(0, len(marks) - 1, MOST_LOOKS)})
    seen = [found for mark in chosen for found in _objects(frames, labels, flow, mark)]
    size, motion, contrast = (float(np.mean(values)) for values in zip(*seen, strict=True)) if seen else (0.0, 0.0, 0.0)
    return Looks(size, motion, contrast, doubt)


def _objects(frames: ClipFrames, labels: Labels, flow: ClipFlow, mark: int) -> Iterable[tuple[float, float, float]]:
    image = resized(frames.read(mark), flow.size).astype(np.float32) / 255
    way = flow.pair(min(mark, frames.n_frames - 2))[0] if frames.n_frames > 1 else np.zeros((*flow.size, 2), np.float32)
    for mask in labels[mark].values():
        inside = _at(mask, flow.size)
        area = int(inside.sum())
        if not area:
            continue
        around = _around(inside, area)
        difference = image[inside].mean(axis=0) - image[around].mean(axis=0) if around.any() else np.zeros(3)
        yield (
            float(np.sqrt(area / inside.size)),
            float(np.hypot(*way[inside].mean(axis=0)) / np.sqrt(area)),
            float(np.abs(difference).max()),
        )


def _at(mask: NDArray[np.bool_], size: Size) -> NDArray[np.bool_]:
    return shrink(mask, size).soft(size).full() > 0.5


def _around(inside: NDArray[np.bool_], area: int) -> NDArray[np.bool_]:
    side = 2 * max(int(SURROUND * np.sqrt(area)), 1) + 1
    grown = cv2.dilate(inside.view(np.uint8), np.ones((side, side), np.uint8))
    return (grown > 0) & ~inside


def _alike(first: Looks, second: Looks) -> float:
    away = [(a - b) / spread for a, b, spread in zip(first, second, SPREADS, strict=True)]
    return float(np.exp(-0.5 * np.dot(away, away)))
