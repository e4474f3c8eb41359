"""Augmentations that mmdet lacks; import this module only where mmdet may be imported.

They draw from the generator that an item brings along (``results["rng"]``).
"""

import math
from typing import Any

import cv2
import numpy as np
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks
from numpy.typing import NDArray

BORDER_RGB = (124, 116, 104)
"""The mean colour of ImageNet: it normalises to zero, as the padding of a batch does."""

MIN_VISIBLE_SHARE = 0.1
"""Share of an object that has to stay in view for it to count as one."""

MIN_PIXELS = 8
"""Smaller objects cannot be learned at the student's resolution."""


@TRANSFORMS.register_module()
class RandomAffineMasks:
    """Scale, turn and move an image and its masks onto the item's canvas (mmdet's ``RandomAffine`` drops masks).

    An object that is nearly out of view becomes an ignore region.

    Args:
        scale: lowest and highest enlargement, drawn log-uniformly.
        rotation: largest turn in degrees.
        translation: largest shift, as a share of the canvas' sides.
    """

    def __init__(
        self, scale: tuple[float, float] = (1.0, 1.0), rotation: float = 0.0, translation: float = 0.0
    ) -> None:
        self.scale = scale
        self.rotation = rotation
        self.translation = translation

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replace ``img``, ``gt_masks`` and ``gt_bboxes``; may set ``gt_ignore_flags``."""
        rng, (height, width) = results["rng"], results["canvas"]
        fit = height / results["img"].shape[0]
        zoom = fit * math.exp(rng.uniform(*np.log(self.scale)))
        matrix = _similarity(
            results["img"].shape[:2],
            (height, width),
            zoom,
            rng.uniform(-self.rotation, self.rotation),
            rng.uniform(-self.translation, self.translation, 2),
        )
        image = _warp(results["img"], matrix, zoom, (height, width), BORDER_RGB)
        masks = _warp_masks(results["gt_masks"].masks, matrix, zoom, (height, width))
        before = np.asarray([cv2.countNonZero(mask) for mask in results["gt_masks"].masks]) * zoom**2
        return _replaced(results, image, masks, before)


@TRANSFORMS.register_module()
class PaintIgnored:
    """Paint ignore regions over, objects excepted, and take them out of the annotations.

    Ignore regions are neither object nor background, a notion that most instance segmenters lack in their loss.
    Where nothing can be seen, "no object" is the right answer.
    """

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Change ``img``; keep only the objects in the annotations."""
        ignored = results["gt_ignore_flags"]
        masks = results["gt_masks"].masks
        keep = np.flatnonzero(~ignored)
        if ignored.any():
            region = masks[ignored].any(axis=0) & ~masks[~ignored].any(axis=0)
            results["img"][region] = BORDER_RGB
        height, width = results["img"].shape[:2]
        results["gt_masks"] = BitmapMasks(masks[keep], height, width)
        results["gt_bboxes"] = results["gt_bboxes"][keep]
        results["gt_bboxes_labels"] = results["gt_bboxes_labels"][keep]
        results["gt_ignore_flags"] = ignored[keep]
        if "gt_box_only" in results:
            results["gt_box_only"] = results["gt_box_only"][keep]
        return results


def _similarity(
    source: tuple[int, int], canvas: tuple[int, int], zoom: float, degrees: float, shift: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the matrix [2, 3] from source to canvas pixels; the centres fall on each other but for the shift."""
    radians = math.radians(degrees)
    cos, sin = zoom * math.cos(radians), zoom * math.sin(radians)
    turn = np.array([[cos, -sin], [sin, cos]])
    middle = (np.array(source[::-1]) - 1) / 2
    target = (np.array(canvas[::-1]) - 1) / 2 + shift * np.array(canvas[::-1])
    return np.column_stack([turn, target - turn @ middle])


def _warp(
    image: NDArray[Any], matrix: NDArray[np.float64], zoom: float, canvas: tuple[int, int], border: Any
) -> NDArray[Any]:
    """Warp bilinearly; what shrinks is averaged first, so that no pixel is skipped."""
    if zoom < 1:
        height, width = image.shape[:2]
        small = (max(1, round(width * zoom)), max(1, round(height * zoom)))
        factor = np.array([width / small[0], height / small[1]])
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        # Pixel centres: x_large + .5 = factor * (x_small + .5)
        offset = matrix[:, :2] @ (factor * 0.5 - 0.5)
        matrix = np.column_stack([matrix[:, :2] * factor, matrix[:, 2] + offset])
    how: dict[str, Any] = dict(flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=border)
    return cv2.warpAffine(image, matrix, canvas[::-1], **how)


def _warp_masks(
    masks: NDArray[np.uint8], matrix: NDArray[np.float64], zoom: float, canvas: tuple[int, int]
) -> NDArray[np.uint8]:
    """Warp masks of 0 and 1, uint8 [n, h, w], as if each were alone; what lies far apart is warped at once."""
    found = np.zeros((len(masks), *canvas), np.uint8)
    # Of what shrank and was interpolated, a pixel knows nothing further away than one and a half of its own width.
    reach = math.ceil(1.5 / min(zoom, 1)) + 3
    rectangles = np.array([cv2.boundingRect(mask) for mask in masks], int).reshape(-1, 4)
    corners, sides = rectangles[:, :2], rectangles[:, 2:]
    boxes = np.hstack([np.maximum(corners - reach, 0), corners + sides + reach])
    for group in _apart(boxes):
        if len(group) == 1:
            found[group[0]] = _warp(masks[group[0]] * np.uint8(255), matrix, zoom, canvas, 0) >= 128
            continue
        united, whose = np.zeros(masks.shape[1:], np.uint8), np.zeros(masks.shape[1:], np.uint16)
        for place, n in enumerate(group):
            left, top, right, bottom = boxes[n]
            united[top:bottom, left:right] = masks[n, top:bottom, left:right] * np.uint8(255)
            whose[top:bottom, left:right] = place
        rows, columns = np.nonzero(_warp(united, matrix, zoom, canvas, 0) >= 128)
        how: dict[str, Any] = dict(flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        places = cv2.warpAffine(whose, matrix, canvas[::-1], **how)[rows, columns]
        found[np.asarray(group)[places], rows, columns] = 1
    return found


def _apart(boxes: NDArray[np.int_]) -> list[list[int]]:
    """Return groups of boxes (left, top, right, bottom) [n, 4] none of which meets another one of its group."""
    groups: list[list[int]] = []
    for n, (left, top, right, bottom) in enumerate(boxes):
        for group in groups:
            others = boxes[group].T
            if not ((others[0] < right) & (left < others[2]) & (others[1] < bottom) & (top < others[3])).any():
                group.append(n)
                break
        else:
            groups.append([n])
    return groups


def _replaced(
    results: dict[str, Any], image: NDArray[np.uint8], masks: NDArray[np.uint8], before: NDArray[np.float64]
) -> dict[str, Any]:
    height, width = image.shape[:2]
    area = np.asarray([cv2.countNonZero(mask) for mask in masks])
    lost = (area < MIN_PIXELS) | (area < MIN_VISIBLE_SHARE * before)
    bitmaps = BitmapMasks(masks, height, width)
    results["img"] = image
    results["img_shape"] = (height, width)
    results["gt_masks"] = bitmaps
    results["gt_bboxes"] = HorizontalBoxes.from_instance_masks(bitmaps)
    results["gt_ignore_flags"] = results["gt_ignore_flags"] | lost
    return results
