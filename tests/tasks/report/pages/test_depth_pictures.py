"""Input, depth and labels side by side."""

import numpy as np
import pytest

from al_core.errors import BadCheckpoint
from al_core.footage.images import read_image
from al_core.masks.rle import encode
from tasks.project.run_settings import settings_in_force
from tasks.report.pages.depth_pictures import coloured, knows_depth, network_of, side_by_side, write_pictures
from tasks.report.thumbnails import Shown
from tests.toys.labelled_project import finished_project
from tests.toys.models.depth_networks import keep_depth


def test_near_is_bright():
    colours = coloured(np.array([[0, 0.5, 1]], np.float32)).astype(int).sum(axis=2)[0]
    assert colours[0] < colours[1] < colours[2]


def test_three_pictures_stand_beside_each_other():
    image = np.full((20, 30, 3), 90, np.uint8)
    mask = np.zeros((40, 60), bool)
    mask[10:30, 10:30] = True
    whole = side_by_side(image, np.zeros((20, 30), np.float32), Shown(((1, encode(mask)),)))
    assert whole.shape == (20, 98, 3)
    assert (whole[:, :30] == image).all()
    assert (whole[:, 34:64] == coloured(np.zeros((1, 1), np.float32))).all()
    labels = whole[:, 68:]
    assert (labels[10, 10] != 90).any()
    assert (labels[:, 20:] == 90).all()


def test_a_project_writes_them_once_it_knows_depth(tmp_path):
    project, ledger, frames = finished_project(tmp_path / "finished")
    student = settings_in_force(ledger).student
    assert not knows_depth(project)
    with pytest.raises(BadCheckpoint, match="fewframes pretrain --depth"):
        list(write_pictures(project, ledger, frames, student, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    keep_depth(project, student)
    assert knows_depth(project)
    files = list(write_pictures(project, ledger, frames, student, tmp_path / "out"))
    video = ledger.videos()[0]
    assert [f.name for f in files if f.parent.name == video.name] == [f"{i:06d}.png" for i in range(video.n_frames)]
    assert read_image(files[0]).shape[1] > 3 * read_image(files[0]).shape[0]
    assert network_of(project, student) is network_of(project, student)
