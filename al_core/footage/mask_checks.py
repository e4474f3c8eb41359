"""Look whether the values of a mask image can be what they are taken for, before anybody relies on them."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from al_core.errors import BadLabel

VOID_COLOUR = (224, 224, 192)
"""Colour of value 255 in the palette of PASCAL VOC and DAVIS, where it is a region to ignore."""

_FEW_RIMS, _MANY_RIMS = 3, 8
_APART = 4
_SMALLEST = 32


def check_soft_edges(values: NDArray[np.integer], name: object) -> None:
    """Refuse an index image whose values are shades of grey along the edges of one object, and not objects.

    A rim is a value that is nowhere three pixels wide and whose pixels mostly touch other objects. Eight rims that are
    at least half of all values are soft edges; so are three where numbers lie far apart, as shades do and objects that
    somebody numbered do not. Cells and other small objects touch the background, and are no rims. Frames
    of less than 32 pixels a side are too small to tell.

    Args:
        values: integers [h, w], 0 is background.
        name: of the file, for the message.

    Raises:
        BadLabel: the edges are soft.
    """
    if min(values.shape) < _SMALLEST:
        return
    present, place = np.unique(values, return_inverse=True)
    n = int(np.count_nonzero(present))
    if n < _FEW_RIMS:
        return
    # Positions among the values, so that OpenCV need not know the type; from 1 for objects, 0 for background.
    order = (place.reshape(values.shape) + (present[0] != 0)).astype(np.uint16)
    window = np.ones((3, 3), np.uint8)
    highest, lowest = cv2.dilate(order, window), cv2.erode(order, window)
    lowest_object = cv2.erode(np.where(order == 0, np.uint16(0xFFFF), order), window)
    touches = (order > 0) & ((highest != order) | (lowest_object != order))
    size, touching = np.bincount(order.ravel(), minlength=n + 1), np.bincount(order[touches], minlength=n + 1)
    thick = np.zeros(n + 1, bool)
    thick[order[highest == lowest]] = True
    rims = int(np.count_nonzero(~thick[1:] & (2 * touching[1:] >= size[1:])))
    far_apart = int(present.max()) > _APART * n
    if 2 * rims >= n and (rims >= _MANY_RIMS or (rims >= _FEW_RIMS and far_apart)):
        raise BadLabel(
            f"{name}: {n} objects in one frame, {rims} of them rims one pixel wide: is this a mask with soft edges? "
            "Give masks with one value for each object (no smoothing, no JPEG, no resizing with interpolation), "
            "e.g. every value above 127 as 1"
        )


def says_ignore(path: Path) -> bool:
    """Tell whether an index image gives value 255 the colour of a region to ignore in its palette."""
    with Image.open(path) as image:
        palette = image.getpalette() if image.mode == "P" else None
    return palette is not None and tuple(palette[3 * 255 : 3 * 256]) == VOID_COLOUR


def only_ignored(place: object) -> BadLabel:
    """Return the error for masks in which nothing but value 255 is marked, where 255 means a region to ignore."""
    return BadLabel(
        f"{place}: every marked pixel has the value 255, which means a region to ignore: is 255 the object? "
        "Then give it the value 1, or save the mask as plain grey instead of with a palette"
    )
