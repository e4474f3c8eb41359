"""What a person did, and what is known of an object, as the network sees it."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.interactive.clicks import Click
from al_core.interactive.closeup import window_of
from al_core.interactive.learned.views import View
from al_core.interactive.scribbles import Stroke
from al_core.masks.soft import Window, union

IN_CHANNELS = 7
"""Red, green, blue, the present mask, gestures on the object, gestures on the background, the box."""

RADIUS = 4
"""Of the disk that shows a click, in pixels of the square."""

_OBJECT, _BACKGROUND = 1, 2


@dataclass(frozen=True, slots=True)
class Prompt:
    """The gestures for one object, in pixels of the frame, in the order in which they were made."""

    clicks: Sequence[Click] = ()
    strokes: Sequence[Stroke] = ()
    box: Window | None = None

    def window(self, mask: NDArray[np.bool_]) -> Window:
        """Return the smallest window around a mask [h, w] and the gestures."""
        parts = [Window(c.x, c.y, c.x + 1, c.y + 1) for c in self.clicks]
        for stroke in self.strokes:
            (x0, y0), (x1, y1) = stroke.points.min(axis=0).tolist(), stroke.points.max(axis=0).tolist()
            parts.append(Window(x0, y0, x1 + 1, y1 + 1))
        if self.box is not None:
            parts.append(self.box)
        return union([window_of(mask), *parts])

    def drawn(self, view: View) -> NDArray[np.float32]:
        """Return gestures on the object, on the background, and the box, float32 [3, side, side] of 0 and 1; a
        later click or stroke hides an earlier one, and clicks hide strokes."""
        said = np.zeros((view.side, view.side), np.uint8)
        for stroke in self.strokes:
            along = np.array([view.point(x, y) for x, y in stroke.points.tolist()], np.int32)
            cv2.polylines(said, [along], False, _side(stroke.positive), RADIUS)
        for click in self.clicks:
            cv2.circle(said, view.point(click.x, click.y), RADIUS, _side(click.positive), -1)
        boxed = np.zeros(said.shape, bool)
        if self.box is not None:
            left, top = view.point(self.box.x0, self.box.y0)
            right, bottom = view.point(self.box.x1 - 1, self.box.y1 - 1)
            boxed[top : bottom + 1, left : right + 1] = True
        return np.stack([said == _OBJECT, said == _BACKGROUND, boxed]).astype(np.float32)


def network_input(
    view: View, image: NDArray[np.uint8], present: NDArray[np.bool_], prompt: Prompt
) -> NDArray[np.float32]:
    """Return what the network sees, float32 [7, side, side]: the picture in about [-2, 2], all else in [0, 1].

    Args:
        image: the frame, RGB uint8 [h, w, 3].
        present: the mask as it is now, bool [h, w].
    """
    picture = view.image(image).astype(np.float32) * np.float32(4 / 255) - 2
    return np.concatenate([picture.transpose(2, 0, 1), view.values(present)[None], prompt.drawn(view)])


def _side(positive: bool) -> int:
    return _OBJECT if positive else _BACKGROUND
