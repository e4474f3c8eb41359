"""Masks, outlines and small labels on a picture; used by the overlay video and by the report."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from al_core.export.palette import readable_on, rgb

if TYPE_CHECKING:
    from PIL import ImageFont

Image = NDArray[np.uint8]
"""RGB, shape [h, w, 3]."""


def draw_masks(
    image: Image, masks: Sequence[tuple[NDArray[np.bool_], str]], opacity: float = 0.35, line: int = 2
) -> Image:
    """Return a copy of the image with each mask filled thinly and outlined.

    Args:
        masks: (mask of the image's size, colour ``#rrggbb``), the last one on top.
        opacity: of the fill, in [0, 1].
        line: width of the outline in pixels; a dark one of 2 more pixels lies under it, so that it shows on any ground.
    """
    import cv2

    drawn = image.copy()
    for mask, colour in masks:
        _fill(drawn, mask, colour, opacity)
    for mask, colour in masks:
        contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        if line > 1:
            cv2.drawContours(drawn, contours, -1, (16, 16, 16), line + 2, cv2.LINE_AA)
        cv2.drawContours(drawn, contours, -1, rgb(colour), line, cv2.LINE_AA)
    return drawn


def put_chip(image: Image, text: str, x: int, y: int, colour: str, size: int) -> None:
    """Put a label on a coloured ground into the image, in place, moved inward where it would leave it.

    Args:
        x, y: upper left corner in pixels.
        size: height of the letters in pixels.
    """
    chip = _chip(text, colour, size)
    height, width = min(chip.shape[0], image.shape[0]), min(chip.shape[1], image.shape[1])
    top = min(max(y, 0), image.shape[0] - height)
    left = min(max(x, 0), image.shape[1] - width)
    image[top : top + height, left : left + width] = chip[:height, :width]


def chip_size(text: str, size: int) -> tuple[int, int]:
    """Return the width and height in pixels that :func:`put_chip` takes."""
    chip = _chip(text, "#000000", size)
    return chip.shape[1], chip.shape[0]


def _fill(image: Image, mask: NDArray[np.bool_], colour: str, opacity: float) -> None:
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return
    columns = np.flatnonzero(mask.any(axis=0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    part, inside = image[window], mask[window]
    mixed = part[inside] * (1 - opacity) + np.array(rgb(colour)) * opacity
    part[inside] = mixed.astype(np.uint8)


@lru_cache(maxsize=2048)
def _chip(text: str, colour: str, size: int) -> Image:
    from PIL import Image as PillowImage
    from PIL import ImageDraw

    font = _font(size)
    left, top, _, bottom = font.getbbox("Hg")
    pad = max(2, round(size * 0.35))
    width = int(font.getlength(text)) + 2 * pad
    height = int(bottom - top) + 2 * max(1, round(size * 0.2))
    chip = PillowImage.new("RGB", (width, height), rgb(colour))
    at = (pad - left, (height - (bottom - top)) / 2 - top)
    ImageDraw.Draw(chip).text(at, text, font=font, fill=rgb(readable_on(colour)))
    pixels = np.array(chip)
    pixels.setflags(write=False)
    return pixels


@lru_cache(maxsize=32)
def _font(size: int) -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    from PIL import ImageFont

    return ImageFont.load_default(size)
