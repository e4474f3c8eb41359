"""Masks as painting programs leave them: one object with soft edges."""

import io

import cv2
import numpy as np
from PIL import Image


def soft_disk(side: int, radius: float, blur: float = 1.0) -> np.ndarray:
    """One disk in the middle, white with soft edges; uint8 [side, side]."""
    mask = np.zeros((side, side), np.float32)
    cv2.circle(mask, (side // 2, side // 2), int(radius), 1.0, -1)
    return np.rint(cv2.GaussianBlur(mask, (0, 0), blur) * 255).astype(np.uint8)


def through_jpeg(values: np.ndarray, quality: int = 90) -> np.ndarray:
    """The same grey image after it was kept as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format="JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def many_cells(rows: int = 16, columns: int = 21, pitch: int = 12, seed: int = 0) -> np.ndarray:
    """Small round cells of several sizes, numbered from 1, some of which touch; uint16 [h, w]."""
    rng = np.random.default_rng(seed)
    values = np.zeros((rows * pitch, columns * pitch), np.uint16)
    for number in range(rows * columns):
        row, column = divmod(number, columns)
        centre = (column * pitch + pitch // 2, row * pitch + pitch // 2)
        cv2.circle(values, centre, int(rng.integers(1, pitch // 2 + 1)), number + 1, -1)
    return values
