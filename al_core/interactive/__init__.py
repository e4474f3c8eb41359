"""Masks from cheap labels: clicks, scribbles, a box or a coarse outline refine the current prediction.

Every ``refine_with`` function takes the frame (RGB uint8 [h, w, 3]), the current probability of the object (float32
[h, w] in [0, 1], zero where nothing was known) and what a person did, and gives a mask (bool [h, w]). Coordinates are
pixels, (x, y), the first pixel is (0, 0). All are deterministic; docs/drawing-tools.md says how well and how
fast they work.
"""

from al_core.interactive.boxes import refine_with_box
from al_core.interactive.clicks import Click, ClickMemory, refine_with_clicks, starting_from
from al_core.interactive.outlines import filled, refine_with_outline
from al_core.interactive.scribbles import Stroke, refine_with_scribble

__all__ = [
    "Click",
    "ClickMemory",
    "Stroke",
    "filled",
    "refine_with_box",
    "refine_with_clicks",
    "refine_with_outline",
    "refine_with_scribble",
    "starting_from",
]
