"""Points get the label of the object that they are on, not of the pixels that a mask has too many."""

import numpy as np
import pytest

from al_core.transfer.diffusion import diffuse
from tests.toys.lidar.raycast import HEIGHT, WIDTH, nearest_pixels, street


def plate(distance: float, side: float = 1.0, step: float = 0.1) -> np.ndarray:
    """Points of a square that faces the camera, [n, 3]: x right, y down, z ahead."""
    x, y = np.meshgrid(np.arange(-side / 2, side / 2, step), np.arange(-side / 2, side / 2, step))
    return np.stack([x.ravel(), y.ravel(), np.full(x.size, distance)], axis=1)


def seen(points: np.ndarray) -> np.ndarray:
    """Where they fall in a picture of 60 x 60 pixels with a focal length of 100."""
    return 100 * points[:, :2] / points[:, 2:] + 30


@pytest.fixture(scope="module")
def scene():
    """A plate of 1 m at 4 m before a wall of 3 m at 8 m; the mask of the plate reaches 3 pixels too far."""
    near, far = plate(4), plate(8, 3)
    far = far[(abs(far[:, :2]) > 1.05).any(axis=1)]  # the plate hides the others
    ids = np.zeros((60, 60), np.int64)
    ids[30 - 16 : 30 + 15, 30 - 16 : 30 + 15] = 7
    return np.concatenate([near, far]), len(near), ids


def test_what_stands_behind_the_edge_of_a_mask_is_background(scene):
    points, n_near, ids = scene
    found = diffuse(points, seen(points), ids)
    wrong = nearest_pixels(seen(points), ids)[n_near:] > 0
    assert (found.instance[:n_near] == 7).mean() > 0.98
    assert (found.instance[n_near:] > 0).sum() < 0.2 * wrong.sum()
    assert ((found.confidence > 0) & (found.confidence <= 1)).all()


def test_a_part_far_from_the_bulk_is_dropped():
    """Ten points that only a hole in the background shows belong to another thing."""
    points = np.concatenate([plate(4), plate(12, 1.0, 0.25)])
    ids = np.full((60, 60), 3, np.int64)
    found = diffuse(points, seen(points), ids).instance
    assert (found[:100] == 3).all()
    assert (found[100:] == 0).all()


def test_without_masks_everything_is_background():
    points = plate(4)
    found = diffuse(points, seen(points), np.zeros((60, 60), np.int64))
    assert not found.instance.any()
    assert (found.confidence == 1).all()
    assert len(diffuse(points[:0], np.zeros((0, 2)), np.zeros((60, 60), np.int64)).instance) == 0


def test_fewer_points_than_neighbours():
    points = plate(4)[:3]
    assert (diffuse(points, seen(points), np.full((60, 60), 2, np.int64)).instance == 2).all()


def test_on_a_street_it_is_better_than_the_pixel_that_a_point_falls_on():
    scene = street(4)
    there, where = scene.rig.seen(scene.points, (HEIGHT, WIDTH))
    truth, masks = scene.objects[there], scene.dilated(3)
    ours, theirs = diffuse(scene.points[there], where, masks).instance, nearest_pixels(where, masks)
    assert (ours != truth).sum() < 0.5 * (theirs != truth).sum()
