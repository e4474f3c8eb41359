"""The colours of the project, in one place, so that things look alike in every picture."""

import numpy as np
from numpy.typing import NDArray

from al_core.records import Provenance

PROVENANCE_COLOURS: dict[str, str] = {
    Provenance.HUMAN.value: "#0d9f78",
    Provenance.PROPAGATED.value: "#3f8fd6",
    Provenance.ACCEPTED.value: "#b86fb0",
    Provenance.TEACHER.value: "#e0951a",
}
"""Who says that a mask is right, most trusted first; told apart with colour blindness too (Okabe and Ito)."""

UNLABELLED_COLOUR = "#9aa3ad"
"""What nobody has labelled."""

COMPONENT_COLOURS: dict[str, str] = {
    "class_entropy": "#4e79a7",
    "mutual_information": "#76b7b2",
    "box_spread": "#edc949",
    "mask_disagreement": "#e15759",
    "existence_disagreement": "#b07aa1",
    "temporal_inconsistency": "#9c755f",
}
"""The named parts of a frame's uncertainty."""

SERIES_COLOURS = ("#3f8fd6", "#e0951a", "#0d9f78", "#b86fb0", "#d1495b", "#6c8f2d", "#7b6bd0", "#8a7763")
"""For lines that mean nothing but their name."""

TRACK_COLOURS = (
    "#a500ff", "#78fff0", "#e1ff78", "#b40087", "#a587ff", "#d2965a", "#2db4a5", "#ff2d78",
    "#a5c3ff", "#a5b400", "#ffd2a5", "#694bc3", "#a5ff00", "#6987c3", "#964b0f", "#695a3c",
)  # fmt: skip
"""Outlines of objects, bright enough for footage; object 1 has the first, and they repeat. Each stays apart from every
other for people with any kind of colour blindness too, the first ones furthest."""


def track_colour(track_id: int) -> str:
    """Return the colour of an object, ``#rrggbb``; tracks are counted from 1."""
    return TRACK_COLOURS[(track_id - 1) % len(TRACK_COLOURS)]


def rgb(colour: str) -> tuple[int, int, int]:
    """Turn ``#rrggbb`` into three numbers in 0-255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def readable_on(colour: str) -> str:
    """Return black or white, whichever can be read on ``colour`` (relative luminance of WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb(colour))]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > 0.179 else "#ffffff"


def davis_palette() -> NDArray[np.uint8]:
    """Return the palette of DAVIS' (and PASCAL VOC's) index images, shape [256, 3], RGB.

    The bits of the index are dealt out to red, green and blue in turn, highest first.
    """
    index: NDArray[np.int_] = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= (((index >> channel) & 1) << (7 - bit)).astype(np.uint8)
        index = index >> 3
    return palette
