"""Scenes of two categories on rough ground: plain blunt triangles, and lobed shapes with stripes, of which one colour
is nearly that of the ground. Everything follows from the seed."""

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.toys.footage.movers import Mask

SIZE = (160, 224)
PLAIN, STRIPED = 0, 1
OF_EACH = 3
RADII = (16, 30)
LEAST_PIXELS = 150
MOST_HIDDEN = 0.2

Colour = NDArray[np.float64]

Scene = tuple[NDArray[np.uint8], list[tuple[int, Mask]]]
"""RGB uint8 [h, w, 3]; the category and the visible pixels of each object."""


def two_skins(seed: int, n_scenes: int) -> list[Scene]:
    """Scenes in which both categories look the same from scene to scene, but for light and texture."""
    rng = np.random.default_rng(seed)
    hue = rng.random()
    plain = _colour(hue, 0.7, 0.8)
    stripes = _colour(hue + 0.33 + rng.uniform(-0.08, 0.08), 0.6, 0.8), _colour(hue + 0.6, 0.5, 0.5)
    ground = _colour(hue + 0.6 + rng.uniform(-0.05, 0.05), 0.35, 0.55)
    return [_scene(rng, plain, stripes, ground) for _ in range(n_scenes)]


def _scene(
    rng: np.random.Generator,
    plain: NDArray[np.float64],
    stripes: Sequence[NDArray[np.float64]],
    ground: NDArray[np.float64],
) -> Scene:
    image = ground + 28 * _rough(rng, 3) + 10 * rng.normal(0, 1, (*SIZE, 3))
    objects: list[tuple[int, Mask]] = []
    for kind in rng.permutation([PLAIN, STRIPED] * OF_EACH):
        mask = _free_place(rng, kind, objects)
        skin = plain + 25 * _rough(rng, 2) if kind == PLAIN else _striped(rng, stripes)
        image[mask] = skin[mask]
        objects = [(k, m & ~mask) for k, m in objects] + [(int(kind), mask)]
    shown = [(kind, mask) for kind, mask in objects if mask.sum() > LEAST_PIXELS]
    return np.clip(image, 0, 255).astype(np.uint8), shown


def _free_place(rng: np.random.Generator, kind: int, objects: Sequence[tuple[int, Mask]]) -> Mask:
    """A shape that hides little of the others, or after thirty tries the last one."""
    mask = _shape(rng, kind)
    for _ in range(30):
        if all((mask & m).sum() < MOST_HIDDEN * min(mask.sum(), m.sum()) for _, m in objects):
            break
        mask = _shape(rng, kind)
    return mask


def _shape(rng: np.random.Generator, kind: int) -> Mask:
    lobes = 3 if kind == PLAIN else 5
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    reach = 1 + 0.23 * rng.uniform(0.3, 1) * np.cos(lobes * angles + rng.uniform(0, 6))
    outline = np.stack([reach * np.cos(angles), rng.uniform(0.55, 0.95) * reach * np.sin(angles)], axis=1)
    turn = rng.uniform(0, 2 * np.pi)
    turned = outline @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    centre = rng.uniform([25, 25], [SIZE[1] - 25, SIZE[0] - 25])
    points = np.rint(turned * rng.uniform(*RADII) / 1.2 + centre).astype(np.int32)
    return cv2.fillPoly(np.zeros(SIZE, np.uint8), [points], 1) > 0


def _striped(rng: np.random.Generator, colours: Sequence[Colour]) -> NDArray[np.float64]:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    turn, start = rng.uniform(0, np.pi), rng.uniform(0, 6)
    wave = np.sin((columns * np.cos(turn) + rows * np.sin(turn)) * 2 * np.pi / 9 + start)
    return np.where((wave > 0)[..., None], *colours) + 20 * _rough(rng, 2)


def _rough(rng: np.random.Generator, spots: float) -> NDArray[np.float64]:
    noise = cv2.GaussianBlur(rng.normal(0, 1, SIZE), (0, 0), spots)
    return np.asarray(noise / noise.std())[..., None]


def _colour(hue: float, saturation: float, value: float) -> NDArray[np.float64]:
    return 255 * np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value))
