"""What people draw in a tool, as a label; and whose work each mask is, seen by comparing with what was shown."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from al_core.errors import BadLabel, UnknownName
from al_core.masks.rle import Rle, decode, encode
from al_core.records import IGNORE_CATEGORY, IGNORE_TRACK, FrameLabel, FrameRef, MaskLabel

IGNORE_NAME = "(ignore)"
"""What tools call a region that counts neither as object nor as background."""


@dataclass(frozen=True, slots=True)
class DrawnMask:
    """One object, or a region to ignore (track 0).

    Attributes:
        category: its name; None where the file says nothing about it.
        attributes: what else it says of the object, rising.
    """

    track_id: int
    category: str | None
    rle: Rle
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DrawnFrame:
    """What a file says of one frame; without masks nothing is there.

    Attributes:
        seconds: human time that it took; None where the file does not say.
        numbered: whether the file numbers the objects; where it does not, they are numbered by their order.
    """

    masks: tuple[DrawnMask, ...]
    seconds: float | None = None
    numbered: bool = True

    @property
    def objects(self) -> tuple[DrawnMask, ...]:
        """The masks without the regions to ignore."""
        return tuple(mask for mask in self.masks if mask.track_id != IGNORE_TRACK)


@dataclass(frozen=True, slots=True)
class Asked:
    """A frame that waits for a label.

    Attributes:
        height, width: size of the frame in pixels.
        lasting: whether the tracks of its video hold from frame to frame.
    """

    request_id: str
    height: int
    width: int
    lasting: bool


@dataclass(frozen=True, slots=True)
class FrameName:
    """How a file names a frame.

    Attributes:
        path: of its image, as the file gives it; empty where it names none.
        video: name of its video, where the file says so.
        index: its place in that video, from 0, where the file says so.
    """

    path: str
    video: str = ""
    index: int | None = None

    @property
    def stem(self) -> str:
        """The image's file name without folders and ending."""
        return image_stem(self.path)


AskedBy = Callable[[FrameName], Asked]
"""The frame that a name means; raises BadLabel when it means none."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FileContent(Generic[T]):
    """What one label file says.

    Attributes:
        frames: what can be used, by request; a frame with any fault is not among them.
        faults: one line for each frame or image that cannot be used, with the reason.
        notes: one line for each thing that was read, but perhaps otherwise than it was meant.
    """

    frames: dict[str, T]
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def image_stem(name: str) -> str:
    """Return a file name without folders, be they written with ``/`` or ``\\``, and without its ending."""
    return Path(re.split(r"[\\/]", name)[-1]).stem


def reaches_out(points: NDArray[np.float64], height: int, width: int) -> bool:
    """Tell whether a corner (x, y) of an outline, float [n, 2], lies more than a pixel outside of the frame."""
    return bool(((points < -1) | (points > np.array([width, height]) + 1)).any())


class Origin(StrEnum):
    """How a person came to a mask."""

    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Region:
    """One thing drawn in a frame; several of one number are parts of one object.

    Attributes:
        number: track of the object, from 1; None where the person gave none.
        category: its name, or ``IGNORE_NAME``.
        mask: bool [h, w] at the size of the frame.
        attributes: what else is said of it.
    """

    number: int | None
    category: str
    mask: NDArray[np.bool_]
    attributes: tuple[str, ...] = ()


def drawn_frame(asked: Asked, regions: Iterable[Region], seconds: float | None = None) -> DrawnFrame:
    """Join regions into the masks of a frame; regions without a pixel are left out.

    Where no region has a number, the only object of a frame is number 1; where identities do not last, objects without
    number get the smallest free ones.

    Raises:
        BadLabel: numbers are missing where they are needed, or one number has two categories.
    """
    painted = [region for region in regions if region.mask.any()]
    objects = [region for region in painted if region.category != IGNORE_NAME]
    parts: dict[int, list[Region]] = {}
    for number, region in zip(_numbers(asked, objects), objects, strict=True):
        parts.setdefault(number, []).append(region)
    masks = [_object(asked, number, members) for number, members in parts.items()]
    ignored = [DrawnMask(IGNORE_TRACK, None, encode(r.mask)) for r in painted if r.category == IGNORE_NAME]
    numbered = not objects or any(region.number is not None for region in objects)
    return DrawnFrame((*sorted(masks, key=lambda mask: mask.track_id), *ignored), seconds, numbered)


def frame_label(frame: FrameRef, drawn: DrawnFrame, category_ids: Mapping[str, int]) -> FrameLabel:
    """Turn a drawn frame into a label.

    Raises:
        BadLabel: a category is not known.
    """
    masks = []
    for mask in drawn.masks:
        name = mask.category or ""
        if mask.track_id == IGNORE_TRACK:
            masks.append(MaskLabel(IGNORE_TRACK, IGNORE_CATEGORY, mask.rle))
        elif name in category_ids:
            masks.append(MaskLabel(mask.track_id, category_ids[name], mask.rle, attributes=mask.attributes))
        else:
            raise BadLabel(str(UnknownName("category", name, category_ids)))
    return FrameLabel(frame, tuple(masks))


def origins(label: FrameLabel, shown: FrameLabel | None) -> dict[int, Origin]:
    """Tell, by track, whether a person took a mask as it was shown, corrected it, or drew a new one."""
    before = {m.track_id: m for m in shown.objects} if shown else {}
    found = {}
    for mask in label.objects:
        known = before.get(mask.track_id)
        unchanged = Origin.ACCEPTED if mask == known else Origin.CORRECTED
        found[mask.track_id] = unchanged if known else Origin.NEW
    return found


def outline_mask(points: NDArray[np.float64], height: int, width: int) -> NDArray[np.bool_]:
    """Return the pixels within a polygon, as COCO counts them.

    Args:
        points: corners (x, y) in pixels, float [n, 2], at most one frame's size outside of the frame.

    Raises:
        BadLabel: fewer than three corners, or corners far outside.
    """
    return decode(outlines_rle([points], height, width))


def outlines_rle(outlines: Sequence[NDArray[np.float64]], height: int, width: int) -> Rle:
    """Return the pixels that lie within any of several polygons, as :func:`outline_mask` says.

    Raises:
        BadLabel: as :func:`outline_mask`.
    """
    reach = np.array([width, height])
    for points in outlines:
        if points.ndim != 2 or points.shape[1:] != (2,) or len(points) < 3:
            raise BadLabel("a polygon has at least three corners of x and y")
        if not ((points >= -reach) & (points <= 2 * reach)).all():
            raise BadLabel("a polygon has corners far outside of the frame")
    if not outlines:
        return encode(np.zeros((height, width), bool))
    parts = coco_mask.frPyObjects([points.ravel().tolist() for points in outlines], height, width)
    return Rle(height, width, coco_mask.merge(parts)["counts"].decode("ascii"))


def _numbers(asked: Asked, objects: Sequence[Region]) -> list[int]:
    given = [region.number for region in objects]
    if asked.lasting and None in given and len(given) > 1:
        raise BadLabel(
            f"{asked.request_id} shows {len(given)} objects, each needs a number from 1 that it keeps in all frames, "
            f"got {['none' if number is None else number for number in given]}; give the numbers and save again"
        )
    free = (n for n in range(1, len(given) + len(set(given)) + 1) if n not in given)
    return [next(free) if number is None else number for number in given]


def _object(asked: Asked, number: int, members: Sequence[Region]) -> DrawnMask:
    names = sorted({region.category for region in members})
    if len(names) > 1:
        raise BadLabel(
            f"{asked.request_id}: object {number} is called {' and '.join(names)}; parts of one object agree"
        )
    said = sorted({name for region in members for name in region.attributes})
    return DrawnMask(number, names[0], _union(members), tuple(said))


def _union(members: Sequence[Region]) -> Rle:
    return encode(np.logical_or.reduce([region.mask for region in members]))
