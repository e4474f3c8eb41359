"""Where points fall in a picture, and what a file must say for it."""

import json

import numpy as np
import pytest

from al_core.errors import BadVideo
from al_core.transfer.rig import Rig, read_rig
from tests.toys.lidar.raycast import HEIGHT, WIDTH, street

KITTI = """P0: 1 0 0 0 0 1 0 0 0 0 1 0
P2: 100 0 50 0 0 100 40 0 0 0 1 0
R0_rect: 1 0 0 0 1 0 0 0 1
Tr_velo_to_cam: 0 -1 0 0 0 0 -1 0 1 0 0 0
"""


def test_a_point_ahead_falls_where_it_should(tmp_path):
    (tmp_path / "calib.txt").write_text(KITTI)
    rig = read_rig(tmp_path / "calib.txt")
    # Ten metres ahead; two to the left; one up. Then one behind, and one far to the side.
    points = np.array([[10.0, 0, 0], [10, 2, 1], [-10, 0, 0], [1, 30, 0]])
    numbers, where = rig.seen(points, (80, 100))
    assert numbers.tolist() == [0, 1]
    assert where.tolist() == [[50, 40], [30, 30]]


def test_both_kinds_of_file_say_the_same(tmp_path):
    (tmp_path / "calib.txt").write_text(KITTI.replace("Tr_velo_to_cam:", "Tr_velo_cam").replace("R0_rect:", "R_rect"))
    rig = read_rig(tmp_path / "calib.txt")
    content = {"projection": rig.projection.tolist(), "to_camera": rig.to_camera.tolist()}
    (tmp_path / "rig.json").write_text(json.dumps(content))
    again = read_rig(tmp_path / "rig.json")
    assert np.array_equal(again.projection, rig.projection)
    assert np.array_equal(again.to_camera, rig.to_camera)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("calib.txt", KITTI.replace("P2", "P7"), "expected a calibration, got no 'P2'"),
        ("calib.txt", KITTI.replace("P2: 100", "P2:"), "got 11 numbers for P2"),
        ("calib.txt", KITTI.replace("P2: 100", "P2: x"), "could not convert string to float: 'x'"),
        ("rig.json", "{}", "got no 'projection'"),
        (
            "rig.json",
            '{"projection": [[1]], "to_camera": []}',
            r"projection: expected 3 rows of 4 numbers, got \[1, 1\]",
        ),
        ("rig.json", "[", "expected a calibration"),
    ],
)
def test_what_is_no_calibration_is_told(tmp_path, name, text, told):
    (tmp_path / name).write_text(text)
    with pytest.raises(BadVideo, match=told):
        read_rig(tmp_path / name)
    with pytest.raises(BadVideo, match="there is no such file"):
        read_rig(tmp_path / "other.txt")


def test_what_a_ray_hits_falls_on_a_pixel_of_it():
    """Of the points on objects nearly all fall on the object's own pixels: camera and lidar stand apart, and rays end
    between pixels."""
    scene = street(3)
    numbers, where = scene.rig.seen(scene.points, (HEIGHT, WIDTH))
    columns, rows = where.round().astype(int).T
    objects = scene.objects[numbers]
    same = scene.masks[rows, columns] == objects
    assert same[objects > 0].mean() > 0.8
    assert same.mean() > 0.95


def test_matrices_have_their_shapes():
    with pytest.raises(ValueError, match=r"to_camera: expected 4 rows of 4 numbers, got \[3, 4\]"):
        Rig(np.zeros((3, 4)), np.zeros((3, 4)))
