"""Points come from KITTI's and NumPy's files; a scan belongs to the frame of its name or number."""

import numpy as np
import pytest

from al_core.errors import BadVideo
from al_core.transfer.scans import SUFFIXES, by_stem, of_frame, read_scan

POINTS = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_all_files_hold_the_same_points(tmp_path):
    POINTS.tofile(tmp_path / "a.bin")
    np.save(tmp_path / "b.npy", POINTS)
    np.savez(tmp_path / "c.npz", points=POINTS)
    for name in ("a.bin", "b.npy", "c.npz"):
        assert np.array_equal(read_scan(tmp_path / name), POINTS[:, :3])


def test_what_is_no_scan_is_told(tmp_path):
    (tmp_path / "odd.bin").write_bytes(b"\0" * 12)
    with pytest.raises(BadVideo, match=r"odd\.bin: expected points with x, y and z, got 3 numbers, not four"):
        read_scan(tmp_path / "odd.bin")
    np.save(tmp_path / "flat.npy", POINTS[0])
    with pytest.raises(BadVideo, match=r"got an array of \[4\]"):
        read_scan(tmp_path / "flat.npy")
    np.savez(tmp_path / "other.npz", cloud=POINTS)
    with pytest.raises(BadVideo, match=r"other\.npz: expected points"):
        read_scan(tmp_path / "other.npz")
    np.save(tmp_path / "nan.npy", np.full((2, 3), np.nan))
    with pytest.raises(BadVideo, match="expected points of finite numbers"):
        read_scan(tmp_path / "nan.npy")


def test_frames_find_their_scans(tmp_path):
    for name in ("000004.bin", "000017.bin", "notes.txt"):
        (tmp_path / name).touch()
    files = by_stem(tmp_path, SUFFIXES)
    assert set(files) == {"000004", "000017"}
    assert of_frame(files, "000004") == tmp_path / "000004.bin"
    assert of_frame(files, "00017") == tmp_path / "000017.bin"
    assert of_frame(files, "frame_4") == tmp_path / "000004.bin"
    assert of_frame(files, "00005") is None
    assert of_frame(files, "last") is None
    with pytest.raises(BadVideo, match=r"expected a folder with files \.bin, \.npy, \.npz, got none"):
        by_stem(tmp_path / "nowhere", SUFFIXES)
