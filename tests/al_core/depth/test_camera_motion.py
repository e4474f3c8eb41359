"""Cameras that move are told from those that stand, and near from far by how much moves."""

import numpy as np
import pytest

from al_core.depth.camera_motion import CameraMotion, camera_motion, nearness_by_motion, scaled, too_still
from tests.toys.footage.movers import line, mover_clip
from tests.toys.footage.travelling import travelling_clip


def test_a_camera_that_travels_moves():
    motion = camera_motion(travelling_clip(0, n_frames=8))
    assert motion.apart == 1
    assert 0.006 < motion.moved < 0.1


def test_a_slow_camera_is_looked_at_over_more_frames():
    motion = camera_motion(travelling_clip(0, n_frames=20, step=0.03))
    assert motion.apart in (2, 4)


@pytest.mark.parametrize(
    "clip",
    [
        travelling_clip(0, n_frames=20, step=0.0),
        mover_clip({1: line((20, 30), (4, 0), 20)}),
        travelling_clip(0, n_frames=2),
    ],
    ids=["it stands", "an object before it moves", "too short"],
)
def test_a_camera_that_stands_shows_no_depth(clip):
    assert camera_motion(clip).apart is None


def test_the_reason_names_clips_and_how_little_they_move():
    told = too_still(["a", "b", "c", "d"], [CameraMotion(None, 0.001)] * 4)
    assert told.startswith("a (0.1%), b (0.1%), c (0.1%) and 1 more: half of the picture moves by less than 0.6%")
    assert "\n" not in told


def test_what_moves_most_is_held_for_nearest():
    flow = np.zeros((10, 10, 2), np.float32)
    flow[:3, :, 0], flow[:1, :, 0] = 2, 4
    near = nearness_by_motion(flow)
    assert near[0, 0] > near[2, 0] > near[9, 0] == 0


def test_equal_values_are_in_the_middle():
    assert (scaled(np.ones((3, 4))) == 0.5).all()
    values = scaled(np.arange(100.0).reshape(10, 10))
    assert (values.min(), values.max(), values.dtype) == (0, 1, np.float32)
