"""Scans of a lidar, and which of them belongs to a frame."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadVideo

SUFFIXES = (".bin", ".npy", ".npz")


def read_scan(path: Path) -> NDArray[np.float64]:
    """Return the points of a scan, [n, 3] in metres, in the order of the file.

    ``*.bin`` holds float32 x, y, z and intensity of each point, as KITTI's; ``*.npy`` an array whose first columns are
    x, y, z; ``*.npz`` such an array named ``points``.

    Raises:
        BadVideo: the file holds something else.
    """
    try:
        if path.suffix == ".bin":
            numbers = np.fromfile(path, np.float32)
            if numbers.size % 4:
                raise ValueError(f"{numbers.size} numbers, not four for each point")
            found = numbers.reshape(-1, 4)
        else:
            loaded = np.load(path, allow_pickle=False)
            found = loaded["points"] if path.suffix == ".npz" else loaded
        if found.ndim != 2 or found.shape[1] < 3:
            raise ValueError(f"an array of {list(found.shape)}")
        points = np.asarray(found[:, :3], np.float64)
    except (OSError, ValueError, KeyError) as error:
        raise BadVideo(
            f"{path}: expected points with x, y and z, got {error}; scans are KITTI's .bin, or .npy and .npz of n rows"
        ) from None
    if not np.isfinite(points).all():
        raise BadVideo(f"{path}: expected points of finite numbers, got some that are not; leave them out of the file")
    return points


def by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Return the files of a folder with such suffixes, by name without suffix.

    Raises:
        BadVideo: it is no folder, or holds none.
    """
    found = {path.stem: path for path in sorted(folder.glob("*")) if path.suffix in suffixes}
    if not found:
        raise BadVideo(f"{folder}: expected a folder with files {', '.join(suffixes)}, got none; name another one")
    return found


def of_frame(files: Mapping[str, Path], name: str) -> Path | None:
    """Return the file of a frame: that of its name, or the one whose name is the same number; None where there is none.

    Args:
        name: of the frame's file without suffix, or its number.
    """
    if name in files:
        return files[name]
    number = _number(name)
    same = [path for stem, path in files.items() if number is not None and _number(stem) == number]
    return same[0] if len(same) == 1 else None


def _number(name: str) -> int | None:
    found = re.search(r"(\d+)$", name)
    return None if found is None else int(found.group(1))
