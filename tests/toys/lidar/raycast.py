"""A street of boxes before a wall, seen by a camera and scanned by a lidar beside it: rays that are cut with planes.

Everything is known: which object a ray hits, and where. Camera coordinates are x right, y down, z forward; the lidar
has x forward, y left, z up, as KITTI's.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.transfer.rig import Rig

HEIGHT, WIDTH, FOCAL = 96, 192, 120.0
GROUND, WALL = 1.6, 30.0
"""Metres below the camera, and ahead of it."""

LIDAR_AT = np.array([0.15, -0.25, -0.3])
"""Of the lidar in the camera's coordinates: beside it, so that both do not see the same."""


@dataclass(frozen=True, eq=False)
class Street:
    """What was seen and scanned.

    Attributes:
        masks: the object of each pixel, int64 [h, w], 0 for background.
        points: [n, 3] in the lidar's coordinates.
        objects: the object of each point, [n].
    """

    rig: Rig
    masks: NDArray[np.int64]
    points: NDArray[np.float64]
    objects: NDArray[np.int64]

    def dilated(self, pixels: int) -> NDArray[np.int64]:
        """The masks, each reaching so many pixels over what is behind or beside it."""
        grown = self.masks.copy()
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1,) * 2)
        for number in np.unique(self.masks[self.masks > 0]):
            around = cv2.dilate((self.masks == number).astype(np.uint8), kernel).astype(bool)
            grown[around & (grown == 0)] = number
        return grown


def street(seed: int, n_boxes: int = 4) -> Street:
    """A street with boxes at random places, which may hide each other."""
    rng = np.random.default_rng(seed)
    boxes = []
    for _ in range(n_boxes):
        near, left = rng.uniform(6, 22), rng.uniform(-7, 5)
        wide, high, deep = rng.uniform(1.0, 3.5), rng.uniform(1.2, 2.4), rng.uniform(0.8, 3.5)
        boxes.append((np.array([left, GROUND - high, near]), np.array([left + wide, GROUND, near + deep])))
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    pixels = np.stack([(columns - WIDTH / 2) / FOCAL, (rows - HEIGHT / 2) / FOCAL, np.ones_like(columns)], axis=-1)
    masks, _ = _hit(np.zeros(3), pixels.reshape(-1, 3), boxes)
    around, up = np.meshgrid(np.radians(np.arange(-45, 45, 0.25)), np.radians(np.arange(-16, 6, 0.5)))
    rays = np.stack([np.sin(around) * np.cos(up), -np.sin(up), np.cos(around) * np.cos(up)], axis=-1).reshape(-1, 3)
    objects, far = _hit(LIDAR_AT, rays, boxes)
    there = LIDAR_AT + rays * far[:, None] + rng.normal(0, 0.01, rays.shape)
    axes = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    to_camera = np.eye(4)
    to_camera[:3, :3], to_camera[:3, 3] = axes, LIDAR_AT
    projection = np.array([[FOCAL, 0, WIDTH / 2, 0], [0, FOCAL, HEIGHT / 2, 0], [0, 0, 1, 0]])
    return Street(Rig(projection, to_camera), masks.reshape(HEIGHT, WIDTH), (there - LIDAR_AT) @ axes, objects)


def nearest_pixels(where: NDArray[np.float64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the instance of the pixel that each point falls on, [n]: what diffusion is compared with."""
    columns, rows = where.round().astype(np.int64).T
    return ids[rows, columns]


def _hit(
    start: NDArray[np.float64], rays: NDArray[np.float64], boxes: list[tuple[NDArray[np.float64], NDArray[np.float64]]]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The object that each ray hits first, 0 for the ground and the wall, and how far it is in lengths of the ray."""
    with np.errstate(divide="ignore", invalid="ignore"):
        to_ground = np.where(rays[:, 1] > 0, (GROUND - start[1]) / rays[:, 1], np.inf)
        to_wall = np.where(rays[:, 2] > 0, (WALL - start[2]) / rays[:, 2], np.inf)
        far, objects = np.minimum(to_ground, to_wall), np.zeros(len(rays), np.int64)
        for number, (low, high) in enumerate(boxes, start=1):
            first, second = (low - start) / rays, (high - start) / rays
            enter, leave = np.minimum(first, second).max(axis=1), np.maximum(first, second).min(axis=1)
            hit = (enter < leave) & (enter > 0) & (enter < far)
            far, objects = np.where(hit, enter, far), np.where(hit, number, objects)
    return objects, far
