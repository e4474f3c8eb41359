"""What people have given so far, as ways to discover read it: masks, boxes, strokes, frames without an object."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from enum import StrEnum
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from al_core.fingerprint import fingerprint
from al_core.masks.rle import Rle, decode
from al_core.masks.rle import box as box_of
from al_core.masks.soft import shrink
from al_core.records import CategoryTag, FrameLabel, Gesture, LabelKind, MaskLabel

Size = tuple[int, int]
Box = tuple[float, float, float, float]
Mask = NDArray[np.bool_]


class Hint(StrEnum):
    """What a way to discover may start from; the value is what people call it."""

    MASKS = "masks"
    BOXES = "boxes"
    SCRIBBLES = "scribbles"
    TAGS = "tags"


@dataclass(frozen=True, eq=False)
class Stroke:
    """A line that somebody drew over an object, or beside it.

    Attributes:
        adds: False where it tells what does not belong to the object.
        points: float32 [n, 2], (x, y) in pixels.
    """

    track_id: int
    adds: bool
    points: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class GivenFrame:
    """What people said of a frame. Whatever it returns is in pixels of the size that is asked for.

    Attributes:
        label: the masks at the size of the frame, each with what came to it, and whether they are all that is there.
        gestures: what people did, in order, in pixels of the frame; nothing that was taken back.
        size: (height, width) of the frame.
    """

    label: FrameLabel
    gestures: tuple[Gesture, ...]
    size: Size

    @property
    def frame_idx(self) -> int:
        """The number of the frame in its video."""
        return self.label.frame.frame_idx

    @property
    def categories(self) -> dict[int, int]:
        """The category of each object."""
        return {mask.track_id: mask.category_id for mask in self.label.objects}

    def objects(self, hint: Hint) -> tuple[MaskLabel, ...]:
        """Return the objects of which this was given; a mask that came of a box or a stroke is none that was drawn."""
        drawn_with = {gesture.track_id for gesture in self.gestures if gesture.tool == _TOOLS.get(hint)}
        return tuple(m for m in self.label.objects if _kind(m) is hint or m.track_id in drawn_with)

    def masks(self, size: Size) -> dict[int, Mask]:
        """Return the objects that were drawn or accepted, by number, bool [h, w] each."""
        return {m.track_id: _resized(decode(m.rle), size) for m in self.objects(Hint.MASKS)}

    def boxes(self, size: Size) -> dict[int, Box]:
        """Return the boxes that people drew, (x0, y0, x1, y1) by number; around the mask where none is noted."""
        sy, sx = size[0] / self.size[0], size[1] / self.size[1]
        found: dict[int, Box] = {}
        for mask in self.objects(Hint.BOXES):
            corners = [g.points for g in self.gestures if g.tool == "box" and g.adds and g.track_id == mask.track_id]
            if corners and len(corners[-1]) == 2:
                (xa, ya), (xb, yb) = corners[-1]
                x0, y0, x1, y1 = min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb)
            else:
                x, y, width, height = box_of(mask.rle)
                x0, y0, x1, y1 = x, y, x + width, y + height
            found[mask.track_id] = (x0 * sx, y0 * sy, x1 * sx, y1 * sy)
        return found

    def strokes(self, size: Size) -> list[Stroke]:
        """Return the strokes that people drew, in order."""
        scale = np.array([size[1] / self.size[1], size[0] / self.size[0]], np.float32)
        drawn = [g for g in self.gestures if g.tool == "scribble" and g.points]
        return [Stroke(g.track_id, g.adds, np.asarray(g.points, np.float32) * scale) for g in drawn]


@dataclass(frozen=True, eq=False)
class Given:
    """What people have given so far in a project.

    Attributes:
        frames: those that they labelled, by video, in order.
        categories: all that there are: number -> name.
        shapes: masks of other pictures, each of all objects together: what objects look like, but not where they are.
        tags: what they said of stretches of each video without drawing.
    """

    frames: Mapping[int, Sequence[GivenFrame]] = field(default_factory=dict)
    categories: Mapping[int, str] = field(default_factory=dict)
    shapes: tuple[Rle, ...] = ()
    tags: Mapping[int, Sequence[CategoryTag]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[GivenFrame]:
        return chain.from_iterable(self.frames.values())

    def of(self, video_id: int) -> Sequence[GivenFrame]:
        """Return what people said of a video's frames."""
        return self.frames.get(video_id, ())

    def count(self, hint: Hint) -> int:
        """Return of how many objects, over all frames, this was given; how many stretches were tagged."""
        if hint is Hint.TAGS:
            return sum(map(len, self.tags.values()))
        return sum(len(frame.objects(hint)) for frame in self)

    @property
    def sha256(self) -> str:
        """Hash of all that was given, 64 hex digits."""
        said = [[f.label.frame.video_id, f.frame_idx, *_said(f)] for f in self]
        shapes = [mask.to_json() for mask in self.shapes]
        tags = [[list(astuple(tag)) for tag in self.tags[video]] for video in sorted(self.tags)]
        return fingerprint([said, sorted(self.categories.items()), shapes, *([tags] if tags else [])])


NOTHING_GIVEN = Given()

_TOOLS = {Hint.BOXES: "box", Hint.SCRIBBLES: "scribble"}

_HINTS = {LabelKind.BOX: Hint.BOXES, LabelKind.SCRIBBLE: Hint.SCRIBBLES}


def _kind(mask: MaskLabel) -> Hint:
    return Hint.MASKS if mask.kind is None else _HINTS.get(mask.kind, Hint.MASKS)


def _resized(mask: Mask, size: Size) -> Mask:
    if mask.shape == size:
        return mask
    whole = np.zeros(size, bool)
    patch = shrink(mask, size)
    whole[patch.window.slices] = patch.values > 0.5
    return whole


def _said(frame: GivenFrame) -> list[object]:
    label = frame.label
    masks = [[mask.to_json(), None if mask.kind is None else mask.kind.value] for mask in label.masks]
    return [label.complete, list(label.absent), masks, [gesture.to_json() for gesture in frame.gestures]]
