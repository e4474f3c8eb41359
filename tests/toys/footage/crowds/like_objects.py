"""Many objects of one kind that cross a picture, among things that are easily taken for them; every box is known.

An object is a body in any colour with a light roof, a dark window and two lamps, broad or less so, larger or smaller.
Things that are none: movers of the same outline with stripes, and ghosts, an object's picture that shines through the
ground for one frame, such as a reflection.
"""

import hashlib
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.toys.footage.movers import Mask, MoverClip, texture

Picture = NDArray[np.uint8]

GROUND = (105, 110, 100)


def crowd_clip(
    seed: int,
    *,
    n_frames: int = 40,
    size: tuple[int, int] = (128, 224),
    objects: int = 8,
    striped: int = 0,
    ghosts: float = 0.0,
    pan: float = 0.0,
) -> MoverClip:
    """A clip in which objects of one kind come and go, numbered from 1 in the truth.

    Args:
        seed: everything follows from it.
        objects: how many cross the picture.
        striped: how many others of the same outline do, which are no such objects.
        ghosts: how many shine through the ground in a frame, on average; none stays.
        pan: pixels that the ground moves to the left, per frame.
    """
    rng = np.random.default_rng(seed)
    wide = size[1] + int(abs(pan) * n_frames) + 2
    ground = (texture(rng, (size[0], wide), GROUND).astype(int) // 2 + 52).astype(np.uint8)
    lanes, count = size[0] // 32, objects + striped
    order = rng.permutation(count)
    movers = [_mover(rng, n % lanes, (n // lanes + 0.5) / -(-count // lanes), n_frames, size) for n in order]
    skins = [(_striped if k >= objects else _body)(rng) for k in range(objects + striped)]
    images, truth = [], []
    for i in range(n_frames):
        left = round(pan * i) if pan >= 0 else wide - size[1] - round(-pan * i)
        image = ground[:, left : left + size[1]].copy()
        for _ in range(rng.poisson(ghosts)):
            at = rng.uniform([0, 0], [size[1] - 30, size[0] - 20]), rng.uniform(0.8, 1.25)
            _put(image, _body(rng), *at, 0.65)
        masks: dict[int, Mask] = {}
        for k in range(objects + striped):
            place, scale = movers[k](i)
            mask = _put(image, skins[k], place, scale, 1.0)
            masks = {t: m & ~mask for t, m in masks.items()} | {k + 1: mask}
        images.append(cv2.GaussianBlur(image, (3, 3), 0.6).astype(np.uint8))
        truth.append({t: m for t, m in masks.items() if t <= objects and m.sum() >= 60})
    return MoverClip(images, truth, sha256=hashlib.sha256(np.stack(images).tobytes()).hexdigest())


def hard_crowd(seed: int, **kinds: int) -> MoverClip:
    """Ten small frames in which five objects cross among three striped things and, in most frames, a ghost or two."""
    return crowd_clip(seed, **({"n_frames": 10, "size": (96, 160), "objects": 5, "striped": 3} | kinds), ghosts=1.5)


def boxes_of(masks: Sequence[Mask]) -> NDArray[np.float64]:
    """Return the boxes around masks, x0, y0, x1, y1 in pixels, [n, 4]."""
    found = [np.zeros((0, 4))]
    for mask in masks:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        found.append(np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], np.float64))
    return np.concatenate(found)


def _mover(
    rng: np.random.Generator, lane: int, when: float, n_frames: int, size: tuple[int, int]
) -> Callable[[int], tuple[NDArray[np.float64], float]]:
    """Return where a mover is in a frame, (x, y) of its corner, and how large it is.

    Args:
        when: in [0, 1], the share of the clip after which it is in the middle; movers of a lane have the same speed.
    """
    speed = (2.4 + 0.5 * lane) * (-1 if lane % 2 else 1)
    middle = (1.6 * when - 0.3) * n_frames + rng.uniform(-2, 2)
    y, scale = lane * 32 + rng.uniform(3, 6), rng.uniform(0.95, 1.3)
    growth = rng.uniform(-0.003, 0.003)

    def at(frame_idx: int) -> tuple[NDArray[np.float64], float]:
        return np.array([size[1] / 2 - 16 + speed * (frame_idx - middle), y]), scale + growth * (
            frame_idx - n_frames / 2
        )

    return at


def _body(rng: np.random.Generator) -> Picture:
    """Return an object of 18x28 pixels, of any colour."""
    skin = np.empty((18, 28, 3), np.uint8)
    skin[:] = rng.integers(30, 225, 3)
    skin[1:4, 5:23] = np.minimum(skin[1:4, 5:23].astype(int) + 50, 255)
    skin[5:10, 4:24] = rng.integers(10, 40)
    skin[12:15, 2:6] = skin[12:15, 22:26] = (250, 240, 190)
    skin[16:18] = skin[16:18] // 2
    return skin


def _striped(rng: np.random.Generator) -> Picture:
    """Return a thing of the same outline with stripes."""
    skin = np.empty((18, 28, 3), np.uint8)
    skin[:] = rng.integers(30, 225, 3)
    rows, columns = np.mgrid[:18, :28]
    skin[(rows + columns) % 8 < 4] = rng.integers(10, 250, 3)
    return skin


def _put(image: Picture, skin: Picture, place: NDArray[np.float64], scale: float, alpha: float) -> Mask:
    """Draw a thing, and return the pixels that it covers, bool [h, w]."""
    size = image.shape[1], image.shape[0]
    move = np.array([[scale, 0, place[0]], [0, scale, place[1]]], np.float32)
    drawn = cv2.warpAffine(skin, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.full(skin.shape[:2], 255, np.uint8), move, size)
    mask: Mask = inside > 127
    image[mask] = (alpha * drawn[mask] + (1 - alpha) * image[mask]).astype(np.uint8)
    return mask
