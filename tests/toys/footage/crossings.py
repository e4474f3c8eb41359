"""Synthetic clips in which objects of one class cross: the same colour but for a little, another texture each."""

import colorsys
import hashlib

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.toys.footage.movers import Mask, MoverClip, texture

GROUND = (95, 105, 95)
CONTRAST = 60.0
"""How far the colour of a class is from grey, of 127."""

NOISE = 3.0
"""Standard deviation of the camera's noise, of 255."""


def crossing_clip(
    seed: int,
    *,
    objects: int = 2,
    n_frames: int = 48,
    size: tuple[int, int] = (144, 192),
    radius: int = 16,
    apart: float = 12.0,
    turning: bool = False,
) -> MoverClip:
    """Textured disks of one class that pass in front of each other; those drawn later are nearer.

    Args:
        seed: colours, textures and paths follow from it.
        objects: how many, numbered from 1; they start around the middle and go through it.
        radius: of the disks, in pixels.
        apart: how far individual colours are from the colour of the class, at most, of 255.
        turning: they turn back where they meet, instead of passing.
    """
    rng = np.random.default_rng([seed, objects, turning])
    of_class = 127 + CONTRAST * (2 * np.array(colorsys.hsv_to_rgb(rng.random(), 1, 1)) - 1)
    colours = [np.clip(of_class + rng.uniform(-apart, apart, 3), 20, 235) for _ in range(objects)]
    around = rng.random()
    skins = [texture(rng, (2 * radius + 1,) * 2, colour.tolist()) for colour in colours]
    ground = texture(rng, size, GROUND)
    paths = [_path(rng, 2 * np.pi * (number / objects + around), n_frames, size, turning) for number in range(objects)]
    rows, columns = np.mgrid[: size[0], : size[1]]
    images, truth = [], []
    for i in range(n_frames):
        image, masks = ground.copy(), dict[int, Mask]()
        for number, (path, skin) in enumerate(zip(paths, skins, strict=True), start=1):
            x, y = path[i]
            mask = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
            move = np.array([[1, 0, x - radius], [0, 1, y - radius]], np.float32)
            image[mask] = cv2.warpAffine(skin, move, size[::-1], borderMode=cv2.BORDER_REPLICATE)[mask]
            masks = {t: m & ~mask for t, m in masks.items()} | {number: mask}
        noisy = image + rng.normal(0, NOISE, image.shape)
        images.append(np.clip(noisy, 0, 255).astype(np.uint8))
        truth.append({t: m for t, m in masks.items() if m.any()})
    return MoverClip(images, truth, sha256=hashlib.sha256(np.stack(images).tobytes()).hexdigest())


def _path(
    rng: np.random.Generator, angle: float, n_frames: int, size: tuple[int, int], turning: bool
) -> NDArray[np.float64]:
    """Centres, (x, y) by frame: from one side of a circle through about its middle to the other side, or back."""
    reach = np.array([0.3 * size[1], 0.3 * size[0]])
    outward = np.array([np.cos(angle), np.sin(angle)])
    beside = np.array([-outward[1], outward[0]]) * rng.uniform(-0.15, 0.15)
    along = np.linspace(1, -1, n_frames) + rng.uniform(-0.1, 0.1)
    if turning:
        along = np.abs(along)
    swing = rng.uniform(0, 0.08) * np.sin(np.arange(n_frames) * rng.uniform(0.1, 0.3))
    offset = outward * along[:, None] + beside * (1 + swing[:, None])
    return np.array([size[1] / 2, size[0] / 2]) + reach * offset
