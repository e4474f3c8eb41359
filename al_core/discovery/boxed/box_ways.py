"""Ways in which boxes become masks, and which does best in a project, on masks that it did not learn from."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from al_core.interactive.boxes import ellipse_in, refine_with_box
from al_core.masks.soft import Window
from al_core.networks.shapes.box_crops import BoxedObject, Mask, Picture
from al_core.networks.shapes.shape_network import ShapeNetwork
from al_core.networks.shapes.shape_refiner import masks_in_boxes

FEWEST_TRACKS = 3
"""With masks of fewer objects nothing is learnt: colours make the masks."""

MOST_JUDGED = 24
"""Masks on which the ways are compared, at most."""


class BoxWay(StrEnum):
    """How boxes become masks; those that learn end by colours."""

    COLOURS = "colours"
    ELLIPSE = "ellipses"
    HEAD = "a network"
    SPREADS = "a network in which saliency spreads"

    @property
    def learns(self) -> bool:
        """Whether it needs a network that was trained."""
        return self in (BoxWay.HEAD, BoxWay.SPREADS)


@dataclass(frozen=True, eq=False)
class KnownObject:
    """An object that people drew or boxed in a frame.

    Attributes:
        track: its video and its number in it.
    """

    seen: BoxedObject
    track: tuple[int, int]


@dataclass(frozen=True, slots=True)
class WayChoice:
    """The way of a project.

    Attributes:
        iou: mean overlap of each with masks that were held out; empty where there were too few.
        objects: how many masks these were.
    """

    way: BoxWay
    iou: Mapping[BoxWay, float]
    objects: int

    @property
    def confidence(self) -> float | None:
        """The overlap that is to be expected of a mask; None where nothing was compared."""
        return self.iou.get(self.way)

    def describe(self) -> str:
        """Return it in a few words."""
        if not self.iou:
            return f"masks by {self.way}: with masks of {FEWEST_TRACKS} objects a network would be tried"
        told = ", ".join(f"{way} {value:.2f}" for way, value in self.iou.items())
        return f"masks by {self.way}; overlap with {self.objects} drawn masks that were held out: {told}"

    def to_json(self) -> bytes:
        """Return it as a file."""
        return json.dumps([self.way, dict(self.iou), self.objects]).encode()

    @classmethod
    def from_json(cls, content: bytes) -> "WayChoice":
        """Read what :meth:`to_json` wrote."""
        way, iou, objects = json.loads(content)
        return cls(BoxWay(way), {BoxWay(name): value for name, value in iou.items()}, objects)


def masks_by(
    way: BoxWay, network: ShapeNetwork | None, image: Picture, boxes: Sequence[Window], kinds: Sequence[int]
) -> list[Mask]:
    """Return the masks of boxes of a frame, bool [H, W] each.

    Args:
        network: in evaluation mode; None for a way that does not learn.
        image: RGB uint8 [H, W, 3].
        boxes: each has at least one pixel of the frame.
        kinds: the category of each, as in the training.
    """
    size = (image.shape[0], image.shape[1])
    if way is BoxWay.ELLIPSE:
        return [ellipse_in(box, size) for box in boxes]
    if way is BoxWay.COLOURS or network is None:
        return [refine_with_box(image, np.zeros(size, np.float32), box) for box in boxes]
    made = masks_in_boxes(network, image, boxes, kinds, way is BoxWay.SPREADS)
    # The network knows where the object is, its colours end it to the pixel.
    return [refine_with_box(image, one.probability, box) for one, box in zip(made, boxes, strict=True)]


def choose_way(known: Sequence[KnownObject], train: Callable[[int, Sequence[BoxedObject]], ShapeNetwork]) -> WayChoice:
    """Compare the ways on drawn masks that were hidden from the network, as those of boxed objects are.

    Half of the categories lose their masks, or half of the objects where one category alone has any, then the other
    half. Another way than colours is taken where its gain is more than a standard error of its mean over objects.

    Args:
        train: returns a network that learnt from objects; told the number of the half that is hidden.
    """
    halves = hidden_halves(known)
    if not halves:
        return WayChoice(BoxWay.COLOURS, {}, 0)
    found: dict[BoxWay, list[float]] = {way: [] for way in BoxWay}
    tracks: list[tuple[int, int]] = []
    for number, half in enumerate(halves):
        hidden = set(half)
        network = train(number, [replace(o.seen, mask=None) if k in hidden else o.seen for k, o in enumerate(known)])
        some = np.linspace(0, len(half) - 1, min(len(half), MOST_JUDGED // 2)).round().astype(int)
        for one in (known[half[k]] for k in some.tolist()):
            tracks.append(one.track)
            for way, values in found.items():
                (mask,) = masks_by(way, network, one.seen.image, [one.seen.box], [one.seen.kind])
                values.append(_overlap(mask, one.seen.mask))
    return _better({way: np.array(values) for way, values in found.items()}, tracks)


def hidden_halves(known: Sequence[KnownObject]) -> list[list[int]]:
    """Return the two halves of the objects with masks that lose them in turn; none where there are too few."""
    masked = [k for k, one in enumerate(known) if one.seen.mask is not None]
    tracks = sorted({known[k].track for k in masked})
    if len(tracks) < FEWEST_TRACKS:
        return []
    kinds = sorted({known[k].seen.kind for k in masked})
    place = {k: kinds.index(known[k].seen.kind) if len(kinds) > 1 else tracks.index(known[k].track) for k in masked}
    return [[k for k in masked if place[k] % 2 == half] for half in (0, 1)]


def _better(found: Mapping[BoxWay, NDArray[np.float64]], tracks: Sequence[tuple[int, int]]) -> WayChoice:
    best = max(found, key=lambda way: float(found[way].mean()))
    gained = found[best] - found[BoxWay.COLOURS]
    # Sights of one object fail together: they count as one.
    gains = np.array([gained[[t == track for t in tracks]].mean() for track in sorted(set(tracks))])
    certain = gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains))
    means = {way: float(values.mean()) for way, values in found.items()}
    return WayChoice(best if certain else BoxWay.COLOURS, means, len(tracks))


def _overlap(one: Mask, other: Mask | None) -> float:
    if other is None:
        raise ValueError("a way is judged by an object with a mask")
    return float(np.count_nonzero(one & other) / max(np.count_nonzero(one | other), 1))
