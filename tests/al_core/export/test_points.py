"""Labels of points read back: SemanticKITTI's file, what it cannot hold, and the picture from above."""

import json

import numpy as np
import pytest
from PIL import Image

from al_core.errors import BadSettings, BadVideo
from al_core.export.contents import ExportOptions
from al_core.export.exporters import write_export
from al_core.export.palette import rgb, track_colour
from al_core.export.points import AHEAD, ASIDE, PER_METRE, PROVENANCES, from_above
from tests.toys.footage.export_clips import HUMAN, PROPAGATED, delivered, make_clip
from tests.toys.lidar.raycast import HEIGHT, WIDTH, street

NAMES = {1: "car", 2: "cart"}


@pytest.fixture(scope="module")
def scene():
    return street(4)


@pytest.fixture
def lidar(tmp_path, scene):
    """Scans of frames 1 and 2 of four, and the calibration of all."""
    (tmp_path / "scans").mkdir()
    points = np.c_[scene.points, np.zeros(len(scene.points))].astype(np.float32)
    for number in (1, 2):
        points.tofile(tmp_path / "scans" / f"{number:06d}.bin")
    content = {"projection": scene.rig.projection.tolist(), "to_camera": scene.rig.to_camera.tolist()}
    (tmp_path / "rig.json").write_text(json.dumps(content))
    return ExportOptions(lidar=tmp_path / "scans", calibration=tmp_path / "rig.json")


def clip_of(scene, name="toy"):
    masks = [
        delivered(frame, int(k), scene.masks == k, HUMAN if frame == 1 else PROPAGATED, category_id=2)
        for frame in (0, 1)
        for k in np.unique(scene.masks[scene.masks > 0])
    ]
    return make_clip(masks, human=(1, 2), size=(HEIGHT, WIDTH), name=name)


def test_points_come_back_with_instance_category_and_provenance(tmp_path, scene, lidar):
    report = write_export("points", [clip_of(scene)], NAMES, tmp_path / "out", lidar)
    folder = tmp_path / "out" / "toy"
    words = np.fromfile(folder / "labels" / "000001.label", np.uint32)
    instance, category = words >> 16, words & 0xFFFF
    assert len(words) == len(scene.points)
    assert set(category[instance > 0]) == {2}
    assert not category[instance == 0].any()
    assert (instance == scene.objects).mean() > 0.97
    more = np.load(folder / "points" / "000001.npz")
    assert np.array_equal(more["instance"], instance)
    assert set(more["provenance"][instance > 0]) == {PROVENANCES.index(HUMAN) + 1}
    assert more["provenances"][PROVENANCES.index(HUMAN) + 1] == "human"
    assert (more["confidence"][more["seen"]] > 0).all()
    assert not more["instance"][~more["seen"]].any()
    # A person said that frame 2 shows nothing.
    assert not np.fromfile(folder / "labels" / "000002.label", np.uint32).any()
    assert json.loads((tmp_path / "out" / "classes.json").read_text()) == {"background": 0, "car": 1, "cart": 2}
    assert (report.frames, report.empty_frames) == (2, 1)
    assert report.warnings == ("1 labelled frames have no scan",)
    picture = np.array(Image.open(folder / "above" / "000001.png"))
    assert picture.shape == (AHEAD * PER_METRE, 2 * ASIDE * PER_METRE, 3)


def test_the_picture_shows_what_is_ahead_and_to_the_right(scene):
    rig = scene.rig
    there = np.array([[3.0, 0.5, 20.0, 1.0]])
    point = (np.linalg.inv(rig.to_camera) @ there.T).T[:, :3]
    picture = from_above(point, np.array([5]), rig)
    (row,), (column,) = np.nonzero((picture != 255).any(axis=2))
    assert abs(row - (AHEAD - 20) * PER_METRE) <= 1
    assert abs(column - (ASIDE + 3) * PER_METRE) <= 1
    assert tuple(picture[row, column]) == rgb(track_colour(5))


def test_a_calibration_for_each_frame(tmp_path, scene, lidar):
    folder = tmp_path / "calib"
    folder.mkdir()
    (folder / "1.json").write_text((tmp_path / "rig.json").read_text())
    options = ExportOptions(lidar=lidar.lidar, calibration=folder)
    with pytest.raises(BadVideo, match="expected a calibration named 00002, there is none"):
        write_export("points", [clip_of(scene)], NAMES, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()
    (folder / "2.json").write_text((tmp_path / "rig.json").read_text())
    assert write_export("points", [clip_of(scene)], NAMES, tmp_path / "out", options).frames == 2


def test_what_cannot_work_is_told_and_nothing_is_written(tmp_path, scene, lidar):
    with pytest.raises(BadSettings, match="name both with --lidar and --calibration"):
        write_export("points", [clip_of(scene)], NAMES, tmp_path / "out")
    other = tmp_path / "others"
    other.mkdir()
    np.zeros((1, 4), np.float32).tofile(other / "night.bin")
    with pytest.raises(BadVideo, match="expected scans named as the labelled frames or with their numbers, got night"):
        write_export(
            "points",
            [clip_of(scene)],
            NAMES,
            tmp_path / "out",
            ExportOptions(lidar=other, calibration=lidar.calibration),
        )
    many = make_clip([delivered(1, 70_000, scene.masks == 1)], size=(HEIGHT, WIDTH))
    with pytest.raises(BadSettings, match="holds numbers up to 65535, got 70000"):
        write_export("points", [many], NAMES, tmp_path / "out", lidar)
    assert not (tmp_path / "out").exists()
