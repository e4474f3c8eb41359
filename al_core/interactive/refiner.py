"""What makes masks of gestures, as the page asks for it: with the colours of the frame alone, or with what was learned.

A refiner may be told by ``going_on`` to stop: it is called between the parts of the work, and raises where nobody waits
for the mask any more.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from al_core.interactive.boxes import refine_with_box
from al_core.interactive.clicks import Click, ClickMemory, refine_with_clicks
from al_core.interactive.scribbles import Stroke, refine_with_scribble
from al_core.masks.soft import Window
from al_core.settings import LEARNED, PluginTable

Image = NDArray[np.uint8]
Probability = NDArray[np.float32]
Mask = NDArray[np.bool_]
GoingOn = Callable[[], None]


def always() -> None:
    """Go on in any case."""


class Refiner(Protocol):
    """Makes masks of gestures; arguments, results and errors are those of the ``refine_with`` functions."""

    def with_clicks(
        self, image: Image, probability: Probability, clicks: Sequence[Click], going_on: GoingOn = always
    ) -> Mask:
        """Return the mask after clicks (see :func:`~al_core.interactive.refine_with_clicks`)."""
        ...

    def with_box(self, image: Image, probability: Probability, box: Window, going_on: GoingOn = always) -> Mask:
        """Return the object in a box (see :func:`~al_core.interactive.refine_with_box`)."""
        ...

    def with_scribble(
        self, image: Image, probability: Probability, strokes: Sequence[Stroke], going_on: GoingOn = always
    ) -> Mask:
        """Return the mask after strokes (see :func:`~al_core.interactive.refine_with_scribble`)."""
        ...


class PlainRefiner:
    """The refiner that knows nothing but the colours of the frame at hand, and what earlier clicks on it came to. May
    be used from several threads."""

    def __init__(self) -> None:
        self._memory = ClickMemory()

    def with_clicks(
        self, image: Image, probability: Probability, clicks: Sequence[Click], going_on: GoingOn = always
    ) -> Mask:
        """Return the mask after clicks."""
        return refine_with_clicks(image, probability, clicks, self._memory, going_on)

    def with_box(self, image: Image, probability: Probability, box: Window, going_on: GoingOn = always) -> Mask:
        """Return the object in a box."""
        return refine_with_box(image, probability, box)

    def with_scribble(
        self, image: Image, probability: Probability, strokes: Sequence[Stroke], going_on: GoingOn = always
    ) -> Mask:
        """Return the mask after strokes."""
        return refine_with_scribble(image, probability, strokes)


REFINERS: PluginTable[Callable[[], Refiner]] = PluginTable(
    "refiner", {LEARNED: PlainRefiner, "plain": PlainRefiner}, "fewframes.refiners"
)
"""What the page makes masks with, by name; called once in each server, and used by its threads."""
