"""Scenes that a camera travels through, rendered: how far everything is away is known."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

GROUND = 1.0
"""Height of the camera above the ground."""

WALL = 10.0


@dataclass
class TravellingClip:
    """A clip of one camera.

    Attributes:
        images: RGB uint8 [h, w, 3] each.
        depths: along the axis of the camera, float64 [h, w] each.
        objects: which upright board is seen where, 1, 2, ... and 0 for none, int [h, w] each.
        focal: in units of the longer side.
    """

    images: list[NDArray[np.uint8]]
    depths: list[NDArray[np.float64]]
    objects: list[NDArray[np.int64]]
    focal: float
    sha256: str = "0" * 64
    name: str = field(default="travelling")

    @property
    def n_frames(self) -> int:
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        return self.images[0].shape[0], self.images[0].shape[1]

    def read(self, frame_idx: int) -> NDArray[np.uint8]:
        return self.images[frame_idx]


def travelling_clip(
    seed: int,
    n_frames: int = 16,
    size: tuple[int, int] = (64, 96),
    step: float = 0.12,
    boards: int = 5,
    focal: float = 0.8,
) -> TravellingClip:
    """A camera that goes sideways, and a little ahead, past upright boards on a textured ground before a wall.

    Args:
        step: how far it goes from frame to frame; 0 for a camera that stands.
    """
    rng = np.random.default_rng(seed)
    grids = rng.uniform(0, 1, (boards + 2, 64, 64, 3))
    # Where they stand across, how far away, how wide and how high.
    stand = np.stack([rng.uniform(*ends, boards) for ends in ((-3, 3), (1.5, 6), (0.4, 1.0), (0.5, 2.2))], axis=1)
    direction = np.array([rng.choice([-1.0, 1.0]), 0.25 * rng.uniform(0, 1)])
    images, depths, objects = [], [], []
    for i in range(n_frames):
        x, z = (i - n_frames / 2) * step * direction
        colour, depth, number = _rendered(grids, stand, (x, z), size, focal)
        images.append(np.round(255 * colour).astype(np.uint8))
        depths.append(depth)
        objects.append(number)
    return TravellingClip(images, depths, objects, focal, sha256=f"{seed:062d}{n_frames % 100:02d}")


def _rendered(grids, stand, camera, size, focal):
    """Return colour, depth and number of the board at each pixel, of which each is the mean of four rays' colours."""
    height, width = size
    rows, columns = np.mgrid[:height, :width] + 0.5
    down, right = (rows - height / 2) / (focal * width), (columns - width / 2) / (focal * width)
    depth = np.full(size, WALL - camera[1])
    colour = _texture(grids[0], camera[0] + right * depth, down * depth, 0.8)
    number = np.zeros(size, np.int64)
    on_ground = np.where(down > 1e-3, GROUND / np.maximum(down, 1e-3), np.inf)
    near = on_ground < depth
    depth = np.where(near, on_ground, depth)
    ground = _texture(grids[1], camera[0] + right * depth, camera[1] + depth, 0.5)
    colour = np.where(near[..., None], ground, colour)
    for n, (x, z, wide, high) in enumerate(stand, start=1):
        away = z - camera[1]
        across, below = camera[0] + right * away - x, down * away
        hit = (np.abs(across) < wide / 2) & (below < GROUND) & (below > GROUND - high) & (away < depth) & (away > 0.2)
        colour = np.where(hit[..., None], _texture(grids[n + 1], across, below, 0.18), colour)
        depth, number = np.where(hit, away, depth), np.where(hit, n, number)
    return colour, depth, number


def _texture(grid, u, v, scale):
    """Return a smooth random texture whose spots are ``scale`` wide, each surface with a tint of its own."""
    u, v = u / scale, v / scale
    left, top = np.floor(u).astype(int), np.floor(v).astype(int)
    a, b = (u - left)[..., None], (v - top)[..., None]
    n = len(grid)

    def corner(i, j):
        return grid[(top + j) % n, (left + i) % n]

    value = (1 - b) * ((1 - a) * corner(0, 0) + a * corner(1, 0)) + b * ((1 - a) * corner(0, 1) + a * corner(1, 1))
    return np.clip(0.55 * value + 0.45 * grid[0, 0], 0, 1)
