"""Situations to learn from: an object of a labelled frame, a mask that is not right yet, and gestures that mend it.

Clicks slip, and lie where a hand puts them: in the largest region that is wrong. What is wrong later on is what the
network itself made of the gestures before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.interactive.closeup import window_of
from al_core.interactive.gestures import box_around, next_click, strokes
from al_core.interactive.learned.prompts import Prompt
from al_core.interactive.learned.views import View
from al_core.masks.soft import Size

FEWEST_PIXELS = 30
"""Smaller objects are not learnt from."""

FROM_NOTHING = 0.6
"""Share of situations in which nothing is known; in the others a mask is shown that is wrong."""

BOXED = 0.2
SCRIBBLED = 0.15
"""Shares of situations that begin with a box, or with strokes, in the place of a click."""

ROTATION = 15.0
SCALE = (0.75, 1.3)
SHIFT = 0.1
"""Turns in degrees, sizes, and shifts as a share of the frame's sides, of what a network learns from."""

LIGHT = (0.75, 1.25)
BRIGHTNESS = 25.0

CLOSE = 0.7
"""Share of close-ups among the views of what is known."""

MARGINS = (0.25, 1.0)
"""Of a close-up; the refiner itself uses one between them."""

SLIP = 1e6
"""Pixels that a hand is off: as far as a click may be and still lie in what is wrong."""

BOX_SLIP = 3.0

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LabelledObjects:
    """A frame, RGB uint8 [h, w, 3], with the masks that a person drew, each bool [h, w]."""

    image: NDArray[np.uint8]
    masks: Sequence[Mask]

    @property
    def large(self) -> list[Mask]:
        """The masks that are large enough to learn from."""
        return [mask for mask in self.masks if np.count_nonzero(mask) >= FEWEST_PIXELS]


@dataclass(frozen=True, eq=False)
class Situation:
    """One object while a person works on it.

    Attributes:
        image: the frame, RGB uint8 [h, w, 3].
        truth: where the object is, bool [h, w].
        present: the mask as it is now, bool [h, w].
        prompt: the gestures so far.
    """

    image: NDArray[np.uint8]
    truth: Mask
    present: Mask
    prompt: Prompt = field(default_factory=Prompt)

    @property
    def size(self) -> Size:
        """Height and width of the frame."""
        return int(self.truth.shape[0]), int(self.truth.shape[1])

    def clicked(self, rng: np.random.Generator) -> "Situation":
        """Return the situation after one more click; itself where nothing is wrong."""
        click = next_click(self.present, self.truth, SLIP, rng)
        if click is None:
            return self
        return replace(self, prompt=replace(self.prompt, clicks=(*self.prompt.clicks, click)))

    def view(self, rng: np.random.Generator, side: int) -> View:
        """Choose what the network sees: a close-up of the mask and the gestures where there is a mask, or all of the
        frame. Where a box is all that is known, it is always in the middle."""
        near = self.present.any() or self.prompt.box is not None
        if near and rng.random() < CLOSE:
            return View.around(self.prompt.window(self.present), self.size, rng.uniform(*MARGINS), side)
        return View.whole(self.size, side)


def situation(frame: LabelledObjects, rng: np.random.Generator) -> Situation:
    """Draw one object of a frame, turned, scaled and in other light, with what is shown of it and a first gesture.

    Args:
        frame: with at least one large mask.
    """
    chosen = frame.large[int(rng.integers(len(frame.large)))]
    image, truth = _seen_otherwise(frame.image, chosen, rng)
    kind = rng.random()
    if rng.random() < FROM_NOTHING:
        begun = Situation(image, truth, np.zeros_like(truth))
        if kind < BOXED:
            return replace(begun, prompt=Prompt(box=box_around(truth, BOX_SLIP, rng)))
    else:
        begun = Situation(image, truth, spoilt(truth, rng))
    if kind > 1 - SCRIBBLED:
        return replace(begun, prompt=Prompt(strokes=tuple(strokes(begun.present, truth))))
    return begun.clicked(rng)


def spoilt(truth: Mask, rng: np.random.Generator) -> Mask:
    """Return a mask as propagation might have left it, bool [h, w]: shifted, stretched, with a piece missing or too
    much. No mask is lost as a whole."""
    x0, y0, x1, y1 = window_of(truth)
    zoom, shift = rng.uniform(0.85, 1.15, 2), rng.uniform(-0.12, 0.12, 2) * (x1 - x0, y1 - y0)
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    move = np.hstack([np.diag(zoom), (middle - zoom * middle + shift)[:, None]])
    moved = cv2.warpAffine(truth.astype(np.float32), move, truth.shape[::-1]) > 0.5
    rows, columns = np.nonzero(cv2.morphologyEx(truth.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
    at = int(rng.integers(len(rows)))
    radius = max(2, round(rng.uniform(0.2, 0.8) * float(np.sqrt(np.count_nonzero(truth) / np.pi))))
    piece = cv2.circle(np.zeros(truth.shape, np.uint8), (int(columns[at]), int(rows[at])), radius, 1, -1) > 0
    wrong = moved | piece if rng.random() < 0.5 else moved & ~piece
    return wrong if wrong.any() else truth


def _seen_otherwise(image: NDArray[np.uint8], mask: Mask, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Mask]:
    """Turn, scale, shift and mirror a frame and a mask, and change the light; as it was where too little is left."""
    h, w = mask.shape
    place: Any = cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-ROTATION, ROTATION), rng.uniform(*SCALE))
    place[:, 2] += rng.uniform(-SHIFT, SHIFT, 2) * (w, h)
    if rng.random() < 0.5:
        place = np.array([[-1.0, 0, w - 1], [0, 1, 0]]) @ np.vstack([place, [0, 0, 1]])
    moved = cv2.warpAffine(mask.astype(np.float32), place, (w, h)) > 0.5
    if np.count_nonzero(moved) >= max(FEWEST_PIXELS, 0.3 * np.count_nonzero(mask)):
        image, mask = np.asarray(cv2.warpAffine(image, place, (w, h), borderMode=cv2.BORDER_REFLECT), np.uint8), moved
    lit = image * np.float32(rng.uniform(*LIGHT)) + np.float32(rng.uniform(-BRIGHTNESS, BRIGHTNESS))
    return np.clip(lit, 0, 255).astype(np.uint8), mask
