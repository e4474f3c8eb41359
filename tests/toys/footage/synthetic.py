"""Synthetic clips for proofs: textured movers, an occluder, a look-alike, a moving camera and changing light, with
exact masks.

Everything follows from the seed, so that two methods can be compared on the same clips, seed by seed.
"""

import colorsys
import hashlib

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.toys.footage.movers import Mask, MoverClip, texture

GROUND = (100, 105, 100)
BAR = (60, 62, 68)


def synthetic_clip(
    seed: int,
    *,
    n_frames: int = 24,
    size: tuple[int, int] = (72, 128),
    objects: int = 1,
    radius: int = 11,
    contrast: float = 90.0,
    occluder: bool = False,
    look_alike: bool = False,
    pan: float = 0.0,
    light: float = 0.0,
) -> MoverClip:
    """A clip in which textured ellipses cross the picture, each in a lane of its own, bobbing and turning.

    Args:
        seed: colours, textures, lanes and paths follow from it.
        size: (height, width) in pixels.
        objects: how many are in the truth, numbered from 1.
        radius: half the longer axis of an object, in pixels.
        contrast: how far an object's mean colour is from grey, in [0, 127]; textures scatter by 45 around their mean.
        occluder: a bar stands in the middle, so wide that each object is hidden as a whole for about four frames.
        look_alike: another object of the first one's colour and of other texture crosses the other way; it is not in
            the truth.
        pan: pixels that the ground and the bar move to the left, per frame.
        light: relative change of brightness from the first frame to the last, such as -0.4.

    Returns:
        The clip with, by frame, track -> visible pixels; hidden objects are left out.
    """
    rng = np.random.default_rng(seed)
    n_movers = objects + look_alike
    hues = (rng.random() + np.arange(n_movers) / max(objects, 1)) % 1  # the look-alike comes round to the first hue
    skins = [texture(rng, (2 * radius + 1,) * 2, _colour(hue, contrast)) for hue in hues]
    lanes = rng.permutation(n_movers)
    paths = [_path(rng, lane, n_movers, n_frames, size, radius) for lane in lanes]
    shapes = rng.uniform(0.7, 0.95, n_movers), rng.uniform(0, 180, n_movers), rng.uniform(-4, 4, n_movers)
    speed = (size[1] - 2 * radius) / max(n_frames - 1, 1) + abs(pan)
    bar_width = int(2 * radius + 4 * speed)
    wide = size[1] + int(abs(pan) * n_frames) + 2
    ground = texture(rng, (size[0], wide), GROUND)
    bar = texture(rng, (size[0], bar_width), BAR)
    images, truth = [], []
    for i in range(n_frames):
        shift = pan * i if pan >= 0 else pan * i + wide - size[1] - 1
        image = _shifted(ground, -shift, size)
        masks: dict[int, Mask] = {}
        for number in reversed(range(n_movers)):
            flat, angle, turn = (values[number] for values in shapes)
            mask = _ellipse(paths[number][i], radius, flat, angle + turn * i, size)
            image[mask] = _placed(skins[number], paths[number][i], radius, angle + turn * i, size)[mask]
            masks = {t: m & ~mask for t, m in masks.items()} | {number + 1: mask}
        if occluder:
            left = (size[1] - bar_width) / 2 - pan * (i - n_frames / 2)
            hidden = _shifted(np.full((size[0], bar_width, 1), 255, np.uint8), left, size)[..., 0] > 127
            image[hidden] = _shifted(bar, left, size)[hidden]
            masks = {t: m & ~hidden for t, m in masks.items()}
        gain = 1 + light * i / max(n_frames - 1, 1)
        images.append(np.clip(image * gain, 0, 255).astype(np.uint8))
        truth.append({t: m for t, m in sorted(masks.items()) if t <= objects and m.any()})
    return MoverClip(images, truth, sha256=hashlib.sha256(np.stack(images).tobytes()).hexdigest())


def reappearances(clip: MoverClip, track: int = 1) -> list[int]:
    """Frames in which an object is to be seen again after it was hidden as a whole."""
    seen = [track in masks for masks in clip.truth]
    hidden = [i for i in range(1, len(seen)) if not seen[i] and any(seen[:i])]
    return [i for i in range(len(seen)) if seen[i] and hidden and i > hidden[0]]


def _colour(hue: float, contrast: float) -> tuple[int, ...]:
    return tuple(int(127 + contrast * (2 * c - 1)) for c in colorsys.hsv_to_rgb(hue, 1, 1))


def _path(
    rng: np.random.Generator, lane: int, n_lanes: int, n_frames: int, size: tuple[int, int], radius: int
) -> NDArray[np.float64]:
    """Centres, (x, y) by frame: across the picture at even speed, every second lane the other way."""
    along = np.linspace(radius, size[1] - 1 - radius, n_frames)
    bob = np.sin(np.arange(n_frames) * rng.uniform(0.2, 0.5) + rng.uniform(0, 6)) * rng.uniform(1, 4)
    y = np.clip(size[0] * (lane + 1) / (n_lanes + 1) + bob, radius, size[0] - 1 - radius)
    return np.stack([along if lane % 2 == 0 else along[::-1], y], axis=1)


def _ellipse(centre: NDArray[np.float64], radius: int, flat: float, angle: float, size: tuple[int, int]) -> Mask:
    rows, columns = np.mgrid[: size[0], : size[1]]
    turn = np.deg2rad(angle)
    x, y = columns - centre[0], rows - centre[1]
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    return (along / radius) ** 2 + (across / (flat * radius)) ** 2 <= 1


def _placed(
    skin: NDArray[np.uint8], centre: NDArray[np.float64], radius: int, angle: float, size: tuple[int, int]
) -> NDArray[np.uint8]:
    move = cv2.getRotationMatrix2D((radius, radius), -angle, 1.0)
    move[:, 2] += centre - radius
    return np.asarray(cv2.warpAffine(skin, move, size[::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _shifted(picture: NDArray[np.uint8], x: float, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture with its left edge at column ``x`` of a frame; zero where it does not reach."""
    move = np.array([[1, 0, x], [0, 1, 0]], np.float64)
    return np.asarray(cv2.warpAffine(picture, move, size[::-1]), np.uint8).reshape(*size, -1).copy()
