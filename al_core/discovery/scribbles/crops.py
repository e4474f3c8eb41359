"""What is learnt from: crops of frames, of strokes on them, and of masks of other pictures, turned and scaled alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.networks.unet import STRIDE

UNKNOWN = -1
"""The class of a pixel that nobody scribbled on."""

MOST = 96
"""Height and width of a crop in pixels, at most."""

SCALE = (0.8, 1.25)
ROTATION = 30.0
"""Sizes and turns in degrees of crops; half of them are mirrored."""

Picture = NDArray[np.uint8]
Classes = NDArray[np.int8]
Shape = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ScribbledFrame:
    """A frame with the classes that strokes give to some of its pixels.

    Attributes:
        image: RGB uint8 [h, w, 3].
        classes: int8 [h, w], -1 where nobody scribbled, 0 on the background, from 1 on a kind of object.
    """

    image: Picture
    classes: Classes


def side_of(pictures: Sequence[Picture]) -> int:
    """Return the height and width of crops of pictures: a multiple of 16 that fits into the smallest, if one does."""
    smallest = min(min(picture.shape[:2]) for picture in pictures)
    return int(min(MOST, max(smallest // STRIDE, 1) * STRIDE))


def scribbled_crop(
    frame: ScribbledFrame, side: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draw a crop in which a stroke is: the picture, float32 [3, side, side], and the classes, int64 [side, side]."""
    rows, columns = np.nonzero(frame.classes != UNKNOWN)
    at = int(rng.integers(len(rows)))
    place = _placement((float(columns[at]), float(rows[at])), side, rng)
    classes = cv2.warpAffine(
        frame.classes.astype(np.float32),
        place,
        (side, side),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(UNKNOWN,),
    )
    return _picture(frame.image, place, side, rng), classes.astype(np.int64)


def any_crop(image: Picture, side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a crop from anywhere in a picture, float32 [3, side, side]."""
    return _picture(image, _placement(_anywhere(image.shape, side, rng), side, rng), side, rng)


def shape_crop(shape: Shape, side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a crop from anywhere in a mask, float32 [1, side, side] in [0, 1]."""
    place = _placement(_anywhere(shape.shape, side, rng), side, rng)
    values = cv2.warpAffine(shape.astype(np.float32), place, (side, side), borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(values[None], np.float32)


def normalised(image: Picture) -> NDArray[np.float32]:
    """Return a picture as the network sees it, float32 [3, h, w] in [-2, 2]."""
    return np.ascontiguousarray((image * np.float32(4 / 255) - 2).transpose(2, 0, 1))


def _picture(image: Picture, place: NDArray[np.float64], side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    crop = cv2.warpAffine(image, place, (side, side), borderMode=cv2.BORDER_REFLECT_101)
    light = rng.uniform(0.9, 1.1, (3, 1, 1)), rng.uniform(-0.1, 0.1)
    return np.asarray(normalised(np.asarray(crop, np.uint8)) * light[0] + light[1], np.float32)


def _anywhere(size: Sequence[int], side: int, rng: np.random.Generator) -> tuple[float, float]:
    """Draw the middle of a crop (x, y), so that it lies in the frame as far as possible."""
    x, y = (rng.uniform(min(side / 2, extent / 2), max(extent - side / 2, extent / 2)) for extent in (size[1], size[0]))
    return float(x), float(y)


def _placement(middle: tuple[float, float], side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the affine map [2, 3] from a frame to a crop around a place of it."""
    turned: Any = cv2.getRotationMatrix2D(middle, rng.uniform(-ROTATION, ROTATION), rng.uniform(*SCALE))
    place = np.vstack([turned, [0, 0, 1]])
    if rng.random() < 0.5:
        place = np.array([[-1, 0, 2 * middle[0]], [0, 1, 0], [0, 0, 1]]) @ place
    place[:2, 2] += side / 2 - np.array(middle) + rng.uniform(-side / 8, side / 8, 2)
    return np.asarray(place[:2], np.float64)
