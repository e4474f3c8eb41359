"""A person who works the labelling page by script, and how long a real one would take for the same actions.

The script acts at once; the seconds come from three models of people at a mouse and a keyboard:

- keystrokes: a key takes 0.28 s, and getting ready for a step 1.35 s (Card, Moran and Newell 1980, "The keystroke-level
  model for user performance time with interactive systems": the operators K, of an average typist, and M);
- pointing: log2(distance / width + 1) bits at 4.3 bits a second (Fitts 1954, in Shannon's form; the middle of 3.7 to
  4.9 bits a second for a mouse in Soukoreff and MacKenzie 2004);
- tracing an outline: in proportion to its length over the width of the lane in which the pointer has to stay, the
  steering law (Accot and Zhai 1997). The factor is ours, 0.1 s: straight lanes take less, bends more.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Point = tuple[float, float]

_MOVES = """(points) => {
    const stage = document.getElementById("stage");
    for (const [clientX, clientY] of points) {
        stage.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, bubbles: true }));
    }
}"""
"""Moves of the pointer while its button is down, handed to the page at once: one by one, each would wait for a
picture."""

_SMALL = 7.0
"""CSS pixels: what is smaller is drawn pixel by pixel."""

_QUARTER = 0.25
_SIMPLER = 0.2
"""Pixels by which an outline may be simplified: it runs a quarter of a pixel from the nearest centre, so that no pixel
changes sides."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a person is.

    Attributes:
        key, ready: seconds for a key, and for getting ready for a step.
        bits: of pointing, per second.
        steering: seconds per unit of length over width.
        width: of targets and of the lane around an outline, in CSS pixels of the screen.
        button: seconds for pressing the button of the mouse and letting it go (Card, Moran and Newell's operator B).
    """

    key: float = 0.28
    ready: float = 1.35
    bits: float = 4.3
    steering: float = 0.1
    width: float = 8.0
    button: float = 0.2

    def pointing(self, distance: float) -> float:
        """Seconds to a target that is so many CSS pixels away."""
        return math.log2(distance / self.width + 1) / self.bits

    def tracing(self, length: float) -> float:
        """Seconds for an outline of so many CSS pixels."""
        return self.steering * length / self.width


def outlines(mask: Mask) -> list[NDArray[np.float64]]:
    """Closed lines around the parts of a mask; filled, they give the mask back to the pixel, holes filled too.

    Returns:
        Points (x, y) in pixels of each, shape [n, 2].
    """
    twice = cv2.resize(np.pad(mask.astype(np.uint8), 1), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    borders, _ = cv2.findContours(twice, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    lines = [(border / 2 - 1 + _QUARTER).astype(np.float32) for border in borders]
    return [cv2.approxPolyDP(line, _SIMPLER, closed=True)[:, 0].astype(np.float64) for line in lines]


def inside(line: NDArray[np.float64], size: tuple[int, ...]) -> Mask:
    """The pixels whose centre a closed line goes around, bool of a size."""
    corners = np.rint((line - 0.5) * 4).astype(np.int32)
    return cv2.fillPoly(np.zeros(size, np.uint8), [corners], 1, shift=2) > 0


def without_holes(mask: Mask) -> Mask:
    """A mask with everything that it encloses."""
    borders, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros(mask.shape, np.uint8), borders, -1, 1, cv2.FILLED) > 0


class ScriptedPerson:
    """Works the mouse and the keys of a page that shows a frame.

    Attributes:
        usual: CSS pixels from one place on the frame to the next, where nobody knows the places yet.
        actions: how often each thing was done: "keys", "outlines", "dots", "looks".
        seconds: how long a real person would have taken so far.
        tracing, dotting: the parts of it that went into outlines, and into single pixels.
    """

    def __init__(self, page: Any, pace: Pace) -> None:
        self._page = page
        self.pace = self._pace = pace
        self.usual = 300.0
        self._pointer: Point | None = None
        self.actions: Counter[str] = Counter()
        self.seconds = 0.0
        self.tracing = 0.0
        self.dotting = 0.0

    def look(self) -> None:
        """Take in what is there, and get ready to act."""
        self._did("looks", self._pace.ready)

    def key(self, name: str) -> None:
        """Press a key."""
        self._page.keyboard.press(name)
        self._did("keys", self._pace.key)

    def draw(self, mask: Mask, region: Mask, fill: bool = True) -> Mask:
        """Fill a region of the object's mask, or take it away, with the polygon tool; returns the new mask.

        Around the region's parts run the lines; what they enclose too much is given back after that.
        """
        if not region.any():
            return mask
        whole = without_holes(region)
        for points in outlines(whole):
            line = self._on_page(points)
            if max(math.dist(line[0], point) for point in line) > _SMALL:
                self._trace(line, away=not fill)
            else:
                self._dot(np.argwhere(without_holes(inside(points, mask.shape)))[:, ::-1] + 0.5, away=not fill)
        drawn, wanted = (mask | whole, mask | region) if fill else (mask & ~whole, mask & ~region)
        return self.draw(drawn, drawn ^ wanted, not fill)

    def scale(self) -> float:
        """CSS pixels of a pixel of the frame."""
        found: float = self._page.evaluate("() => fewframes.view.scale")
        return found

    def press(self, point: Point, away: bool = False) -> None:
        """Press the button of the mouse at a point of the frame; the right one to take away."""
        (at,) = self._on_page(np.array([point]))
        self._page.mouse.click(*at, button="right" if away else "left")
        self._did("clicks", self._way(at) + self._pace.button)

    def drag(self, start: Point, end: Point) -> None:
        """Drag from one point of the frame to another."""
        first, last = self._on_page(np.array([start, end], float))
        self._page.mouse.move(*first)
        self._page.mouse.down()
        self._page.mouse.move(*last)
        self._page.mouse.up()
        self._did("drags", self._way(first) + self._way(last) + self._pace.button)

    def line(self, points: NDArray[np.float64], away: bool = False) -> None:
        """Draw a stroke along points of the frame, in a lane three times as wide as an outline's."""
        way, button = self._on_page(points), "right" if away else "left"
        self._page.mouse.move(*way[0])
        self._page.mouse.down(button=button)
        for at in way[1:]:
            self._page.mouse.move(*at)
        self._page.mouse.up(button=button)
        length = sum(math.dist(a, b) for a, b in pairwise(way))
        self._did("strokes", self._way(way[0]) + self._pace.tracing(length / 3) + self._pace.button)
        self._pointer = way[-1]

    def corners(self, points: NDArray[np.float64], away: bool = False) -> None:
        """Click the corners of a polygon and close it."""
        if away:
            self._page.keyboard.down("Shift")
        for at in self._on_page(points):
            self._page.mouse.click(*at)
            self._did("clicks", self._way(at) + self._pace.button)
        if self._page.evaluate("() => Boolean(fewframes.editor.points)"):
            self.key("Enter")
        if away:
            self._page.keyboard.up("Shift")
            self._did("keys", self._pace.key)

    def _way(self, to: Point) -> float:
        """Seconds to a point of the screen, where the pointer is then."""
        away = math.dist(self._pointer, to) if self._pointer else self.usual
        self._pointer = to
        return self._pace.pointing(away)

    def thin_brush(self) -> None:
        """Make the brush as small as a pixel."""
        while self._page.evaluate("() => fewframes.editor.radius") > 0.5:
            self.key("[")

    def _dot(self, centres: NDArray[np.float64], away: bool) -> None:
        """Set pixels one by one with the thin brush; an outline around them would be a click."""
        self.key("b")
        for point in self._on_page(centres):
            # With Shift a dot belongs to the selected object wherever it is.
            if not away:
                self._page.keyboard.down("Shift")
            self._page.mouse.click(*point, button="right" if away else "left")
            if not away:
                self._page.keyboard.up("Shift")
            seconds = self._pace.pointing(math.dist(self._pointer, point) if self._pointer else 0.0)
            self._pointer = point
            self.dotting += seconds
            self._did("dots", seconds)
        self.key("p")

    def _trace(self, points: Sequence[Point], away: bool) -> None:
        mouse = self._page.mouse
        if away:
            self._page.keyboard.down("Shift")
            self._did("keys", self._pace.key)
        closed = [*points, points[0]]
        mouse.move(*closed[0])
        mouse.down()
        self._page.evaluate(_MOVES, closed)
        mouse.up()  # where the button went down, so that what a mouse rounds off cancels out
        if away:
            self._page.keyboard.up("Shift")
        way = math.dist(self._pointer, closed[0]) if self._pointer else 0.0
        length = sum(math.dist(a, b) for a, b in pairwise(closed))
        self._pointer = closed[-1]
        self.tracing += self._pace.tracing(length)
        self._did("outlines", self._pace.pointing(way) + self._pace.tracing(length))

    def _on_page(self, points: NDArray[np.float64]) -> list[Point]:
        view = self._page.evaluate("() => { const { view } = fewframes; return [...view.toPage([0, 0]), view.scale]; }")
        x, y, scale = view
        return [(x + px * scale, y + py * scale) for px, py in points.tolist()]

    def _did(self, what: str, seconds: float) -> None:
        self.actions[what] += 1
        self.seconds += seconds
