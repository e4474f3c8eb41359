"""Boxes and masks that people gave, as what a network learns from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from al_core.discovery.discoverer import DiscoveryClip
from al_core.discovery.given import Box, Given, GivenFrame, Hint, Mask, Size
from al_core.errors import BadLabel
from al_core.masks.soft import Window
from al_core.networks.shapes.box_crops import BoxedObject, Picture, window_around

FEWEST_PIXELS = 16
"""Smaller masks are not learnt from, at working size."""

THINNEST = 1.0
"""Pixels of the frame that a side of a box has at least."""


@dataclass(frozen=True, eq=False)
class LabelledBoxes:
    """The objects of a frame, in pixels of the size that was asked for.

    Attributes:
        boxes: that were drawn and have no mask, by number, cut to the frame.
        masks: that were drawn or accepted, by number.
        categories: of all of them.
    """

    boxes: Mapping[int, Window]
    masks: Mapping[int, Mask]
    categories: Mapping[int, int]

    @classmethod
    def of(cls, frame: GivenFrame, size: Size) -> "LabelledBoxes":
        """Read them from what people said of a frame; an object with a mask is none of those that only have a box."""
        masks = {number: mask for number, mask in frame.masks(size).items() if mask.sum() >= FEWEST_PIXELS}
        drawn = {
            number: window for number, box in frame.boxes(size).items() if not (window := _window(box, size)).empty
        }
        boxes = {number: window for number, window in drawn.items() if number not in masks}
        return cls(boxes, masks, frame.categories)

    def examples(self, image: Picture, kinds: Mapping[int, int]) -> dict[int, BoxedObject]:
        """Return every object of the frame, by number.

        Args:
            kinds: the number of each category among those of the training.
        """
        windows = {**{number: window_around(mask) for number, mask in self.masks.items()}, **self.boxes}
        found = {}
        for number, window in windows.items():
            others = tuple(other for n, other in windows.items() if n != number)
            kind = kinds[self.categories[number]]
            found[number] = BoxedObject(image, window, kind, self.masks.get(number), others)
        return found


def kinds_of(given: Given) -> dict[int, int]:
    """Return a number from 0 for each category of which something was given, in rising order."""
    seen = {category for frame in given for category in frame.categories.values()}
    return {category: kind for kind, category in enumerate(sorted(seen))}


def check_boxes(given: Given, clips: Sequence[DiscoveryClip]) -> None:
    """Refuse boxes that hold no pixel of their frame.

    Raises:
        BadLabel: there is one; the message names the first.
    """
    names = {clip.video_id: clip.name for clip in clips}
    for frame in given:
        height, width = frame.size
        for number, (x0, y0, x1, y1) in frame.boxes(frame.size).items():
            inside = min(x1, width) - max(x0, 0) >= THINNEST and min(y1, height) - max(y0, 0) >= THINNEST
            if not inside:
                video = frame.label.frame.video_id
                raise BadLabel(
                    f"{names.get(video, f'video {video}')}, frame {frame.frame_idx}, object {number}: a box holds at "
                    f"least one pixel of the frame of {width}x{height} pixels, got {x0:g},{y0:g} to {x1:g},{y1:g}; "
                    "draw it again, or delete the object"
                )


def has_boxes(frame: GivenFrame) -> bool:
    """Tell whether a frame has an object of which only a box is known."""
    masks = {mask.track_id for mask in frame.objects(Hint.MASKS)}
    return any(mask.track_id not in masks for mask in frame.objects(Hint.BOXES))


def _window(box: Box, size: Size) -> Window:
    """Return the pixels that a box touches, within the frame."""
    x0, y0, x1, y1 = box
    return Window(int(x0), int(y0), -int(-x1 // 1), -int(-y1 // 1)).clipped(size)
