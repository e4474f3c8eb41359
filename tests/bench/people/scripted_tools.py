"""How a scripted person works with the tools of the page that ask the server: clicks, boxes, strokes, outlines.

The person sees how far a mask is from the truth as far as :func:`visible` tells, knows what outlining the rest would
take, and takes a gesture back that saved less than it cost.
"""

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np

from al_core.interactive.gestures import box_around, next_click, outline, strokes
from tests.bench.people.scripted_person import Mask, ScriptedPerson, outlines
from tests.toys.web.label_page import masks_of

TOLERANCE = 2
"""Radius in pixels of the largest disc of wrong pixels that a person lets pass."""

GOOD = 0.9
"""IoU from which a mask looks right where no exact one is asked for."""

MOST_CLICKS = 6
MOST_PRESSES = 3
"""Clicks that are made where a few are asked for."""

ANEW = 2.0
"""Seconds that it takes to delete an object and to begin it anew."""

HARM = 0.02
"""IoU that a person sees going."""


def visible(wrong: Mask) -> Mask:
    """The parts of a region that a disc of TOLERANCE pixels fits into, with what is next to them."""
    side = 2 * TOLERANCE + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    core = cv2.morphologyEx(wrong.astype(np.uint8), cv2.MORPH_OPEN, disc)
    return (cv2.dilate(core, disc) > 0) & wrong


def overlap(one: Mask, other: Mask) -> float:
    """IoU of two masks."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0


class ToolUser:
    """Works on the selected object of the frame that a page shows."""

    def __init__(self, page: Any, person: ScriptedPerson) -> None:
        self._page = page
        self._person = person

    def mask(self, track: int, like: Mask) -> Mask:
        """The mask of an object as it is on the page; empty where there is none."""
        masks: Mapping[int, Mask] = masks_of(self._page.evaluate("() => fewframes.drawing().masks()"))
        return masks.get(track, np.zeros_like(like))

    def refined(self, track: int, truth: Mask) -> Mask:
        """Bring a mask near to the truth by a box, where there is none, and clicks, as long as that saves outlining.

        One that takes more to mend than the object takes to draw is deleted first.
        """
        person, mask = self._person, self.mask(track, truth)
        nothing = np.zeros_like(mask)
        if mask.any() and self._left(mask, truth) > self._left(nothing, truth) + ANEW:
            person.key("Delete")
            mask = nothing
        if not mask.any():
            if self._page.evaluate("() => fewframes.drawing().selected?.track") != track:
                person.key("n")
                self.number(track)
            person.key("r")
            mask = self._tried(track, truth, mask, lambda: self._box(truth))
        person.key("s")
        for _ in range(MOST_CLICKS):
            before = self._left(mask, truth)
            wrong = next_click(mask, truth, 0.0, np.random.default_rng(0))
            if wrong is None or before < person.pace.ready + person.pace.pointing(person.usual):
                break
            mask = self._tried(track, truth, mask, lambda wrong=wrong: self._click(wrong))
            if self._left(mask, truth) >= before:
                break
        return mask

    def number(self, track: int) -> None:
        """Give the selected object its number."""
        if self._page.evaluate("() => fewframes.drawing().selected.track") != track:
            for key in ("i", *str(track), "Enter"):
                self._person.key(key)

    def nearest(self, truth: Mask, new: int) -> int:
        """Delete all objects but the one nearest to the truth, and that one, too, where it shares nothing with it;
        returns its number, or that of a new one."""
        masks: Mapping[int, Mask] = masks_of(self._page.evaluate("() => fewframes.drawing().masks()"))
        if not masks or set(masks) == {new}:
            return new
        near = max(masks, key=lambda number: overlap(masks[number], truth))
        kept = near if (masks[near] & truth).any() else new
        for number in sorted(masks, key=lambda number: number == near):
            while self._page.evaluate("() => fewframes.drawing().selected?.track") != number:
                self._person.key("ArrowDown")
            if number != kept:
                self._person.look()
                self._person.key("Delete")
        return kept

    def _tried(self, track: int, truth: Mask, mask: Mask, gesture: Callable[[], None]) -> Mask:
        """Make a gesture; one that saves nothing is taken back."""
        began, old = self._person.seconds, self._left(mask, truth)
        gesture()
        after = self.mask(track, truth)
        if old - self._left(after, truth) > (self._person.seconds - began) * 0.5:
            return after
        self._person.key("z")
        return self.mask(track, truth)

    def _left(self, mask: Mask, truth: Mask) -> float:
        """Seconds in which a person outlines what is visibly wrong."""
        person = self._person
        lines = [line for part in (truth & ~mask, mask & ~truth) for line in outlines(visible(part))]
        lengths = (cv2.arcLength(line.astype(np.float32), closed=True) * person.scale() for line in lines)
        return sum(person.pace.pointing(person.usual) + person.pace.tracing(length) for length in lengths)

    # ---- what less than whole masks takes

    def clicked(self, track: int, truth: Mask) -> None:
        """A few clicks on what is wrong."""
        mask = self.mask(track, truth)
        for _ in range(MOST_PRESSES):
            wrong = next_click(mask, truth, 0.0, np.random.default_rng(0))
            if wrong is None or overlap(mask, truth) >= GOOD:
                break
            self._click(wrong)
            after = self.mask(track, truth)
            if overlap(after, truth) < overlap(mask, truth) - HARM:
                self._person.key("z")
                break
            mask = after

    def boxed(self, track: int, truth: Mask) -> None:
        """A box around the object; one that makes it worse is taken back."""
        before = self.mask(track, truth)
        self._box(truth)
        if overlap(self.mask(track, truth), truth) < overlap(before, truth):
            self._person.key("z")

    def scribbled(self, track: int, truth: Mask) -> None:
        """A stroke along each of the largest regions that are wrong."""
        for stroke in strokes(self.mask(track, truth), truth):
            self._person.look()
            way = stroke.points[:: max(1, len(stroke.points) // 12)] + 0.5
            self._person.line(way, away=not stroke.positive)
            self._settled()

    def outlined(self, track: int, truth: Mask) -> None:
        """Rough outlines of the largest regions that are wrong."""
        mask = self.mask(track, truth)
        for wrong, adds in ((truth & ~mask, True), (mask & ~truth, False)):
            region = visible(wrong)
            if region.any():
                self._person.look()
                for polygon in outline(region, 0.0, np.random.default_rng(0)):
                    self._person.corners(polygon + 0.5, away=not adds)

    def _click(self, wrong: Any) -> None:
        self._person.look()
        self._person.press((wrong.x + 0.5, wrong.y + 0.5), away=not wrong.positive)
        self._settled()

    def _box(self, truth: Mask) -> None:
        box = box_around(truth, 0.0, np.random.default_rng(0))
        self._person.look()
        self._person.drag((box.x0, box.y0), (box.x1, box.y1))
        self._settled()

    def _settled(self) -> None:
        self._page.wait_for_function("() => !fewframes.editor.busy")
