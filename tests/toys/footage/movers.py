"""Textured objects that move over a textured ground: where every pixel goes is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Mask = NDArray[np.bool_]


@dataclass
class MoverClip:
    """A clip whose objects are drawn in order, later ones over earlier ones; it notes which frames are read.

    Attributes:
        images: RGB uint8 [h, w, 3] each.
        truth: by frame: track -> visible part, bool [h, w].
    """

    images: list[NDArray[np.uint8]]
    truth: list[dict[int, Mask]]
    sha256: str = "0" * 64
    reads: list[int] = field(default_factory=list)

    @property
    def n_frames(self) -> int:
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        return self.images[0].shape[0], self.images[0].shape[1]

    def read(self, frame_idx: int) -> NDArray[np.uint8]:
        self.reads.append(frame_idx)
        return self.images[frame_idx]


def texture(rng: np.random.Generator, size: tuple[int, int], colour: Sequence[int]) -> NDArray[np.uint8]:
    """Smooth random spots around a colour."""
    noise = cv2.GaussianBlur(rng.normal(0, 1, (*size, 1)).astype(np.float32), (0, 0), 2)
    return np.clip(np.asarray(colour) + 45 * (noise / noise.std())[..., None], 0, 255).astype(np.uint8)


def mover_clip(
    paths: Mapping[int, Sequence[tuple[float, float]]],
    radius: int = 12,
    size: tuple[int, int] = (72, 128),
    occluder: int | None = None,
    seed: int = 0,
) -> MoverClip:
    """Disks of one texture each on given paths of their centres, (x, y) by frame.

    Args:
        occluder: this track is drawn last and is not part of the truth.
    """
    rng = np.random.default_rng(seed)
    ground = texture(rng, size, (90, 110, 90))
    colours = dict(zip(paths, [(190, 80, 70), (70, 90, 200), (200, 180, 60)], strict=False))
    side = 2 * radius + 1
    skins = {t: texture(rng, (side, side), colours[t]) for t in paths}
    rows, columns = np.mgrid[: size[0], : size[1]]
    images, truth = [], []
    for i in range(len(next(iter(paths.values())))):
        image, masks = ground.copy(), {}
        for track in sorted(paths, key=lambda t: t == occluder):
            x, y = paths[track][i]
            mask = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
            move = np.array([[1, 0, x - radius], [0, 1, y - radius]], np.float32)
            skin = cv2.warpAffine(skins[track], move, size[::-1], borderMode=cv2.BORDER_REPLICATE)
            image[mask] = skin[mask]
            masks = {t: m & ~mask for t, m in masks.items()} | {track: mask}
        masks.pop(occluder, None)
        images.append(image)
        truth.append({t: m for t, m in masks.items() if m.any()})
    return MoverClip(images, truth, sha256=f"{seed:064d}")


def line(start: tuple[float, float], step: tuple[float, float], n: int = 12) -> list[tuple[float, float]]:
    """A straight path at even speed."""
    return [(start[0] + step[0] * i, start[1] + step[1] * i) for i in range(n)]


def iou(first: Mask, second: Mask) -> float:
    """Overlap of two masks, at least one of them not empty."""
    return float((first & second).sum() / (first | second).sum())


def one_mover() -> MoverClip:
    """A disk that moves to the right, 12 frames of 64x96 pixels."""
    return mover_clip({1: line((30, 36), (4, 0))}, radius=14, size=(64, 96))


def write_frames(folder: Path, clip: MoverClip) -> Path:
    """Write the frames of a clip as PNG files; returns their folder."""
    folder.mkdir(parents=True)
    for i, image in enumerate(clip.images):
        Image.fromarray(image).save(folder / f"{i:05d}.png")
    return folder
