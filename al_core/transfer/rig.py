"""Where a lidar's points fall in a camera's picture: KITTI's calibration files, and a plain file for other rigs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadVideo

NEAREST = 0.1
"""Points less far in front of the camera than this, in metres, are not in the picture."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rig:
    """A camera beside a lidar.

    Attributes:
        projection: [3, 4], from the camera's coordinates (x right, y down, z forward, metres) to pixels.
        to_camera: [4, 4], from the lidar's coordinates to the camera's.

    Raises:
        ValueError: matrices of other shapes, or that hold something that is no number.
    """

    projection: Matrix
    to_camera: Matrix

    def __post_init__(self) -> None:
        for name, matrix, shape in (
            ("projection", self.projection, (3, 4)),
            ("to_camera", self.to_camera, (4, 4)),
        ):
            if matrix.shape != shape or not np.isfinite(matrix).all():
                raise ValueError(f"{name}: expected {shape[0]} rows of {shape[1]} numbers, got {list(matrix.shape)}")

    def seen(self, points: Matrix, size: tuple[int, int]) -> tuple[NDArray[np.int64], Matrix]:
        """Find the points in front of the camera and inside its picture.

        Args:
            points: [n, 3], in the lidar's coordinates.
            size: (height, width) of the picture.

        Returns:
            Their numbers, [m], and where they fall: x and y in pixels, [m, 2], pixel centres at whole numbers.
        """
        there = np.c_[points, np.ones(len(points))] @ self.to_camera.T
        ahead = np.flatnonzero(there[:, 2] > NEAREST)
        projected = there[ahead] @ self.projection.T
        where = projected[:, :2] / projected[:, 2:]
        height, width = size
        inside = (where > -0.5).all(axis=1) & (where < [width - 0.5, height - 0.5]).all(axis=1)
        return ahead[inside], where[inside]


def read_rig(path: Path) -> Rig:
    """Read a calibration.

    A file ``*.json`` holds ``projection`` (3 rows of 4) and ``to_camera`` (4 rows of 4). Others are KITTI's text: lines
    of names and numbers, of which ``P2`` (or ``P_rect_02``), ``R0_rect`` (``R_rect``, ``R_rect_00``) and
    ``Tr_velo_to_cam`` (``Tr_velo_cam``, ``Tr``) are read.

    Raises:
        BadVideo: there is no such file, or something of it is missing or no number.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return _from_json(json.loads(text)) if path.suffix == ".json" else _from_kitti(text)
    except FileNotFoundError:
        raise BadVideo(f"{path}: expected a calibration, there is no such file; name its folder or file") from None
    except (ValueError, KeyError, TypeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise BadVideo(
            f"{path}: expected a calibration, got {what}; it is KITTI's text with P2, R0_rect and Tr_velo_to_cam, or "
            "JSON with projection and to_camera"
        ) from None


def _from_json(content: Any) -> Rig:
    return Rig(*(np.array(content[name], np.float64) for name in ("projection", "to_camera")))


def _from_kitti(text: str) -> Rig:
    lines = {}
    for line in text.splitlines():
        name, _, numbers = line.partition(":" if ":" in line else " ")
        if numbers.strip():
            lines[name.strip()] = numbers

    def matrix(names: tuple[str, ...], shape: tuple[int, int]) -> Matrix:
        found = next((lines[name] for name in names if name in lines), None)
        if found is None:
            raise KeyError(names[0])
        numbers = np.array(found.split(), np.float64)
        if numbers.size != shape[0] * shape[1]:
            raise ValueError(f"{numbers.size} numbers for {names[0]}")
        return numbers.reshape(shape)

    rectify, to_camera = np.eye(4), np.eye(4)
    rectify[:3, :3] = matrix(("R0_rect", "R_rect", "R_rect_00"), (3, 3))
    to_camera[:3] = matrix(("Tr_velo_to_cam", "Tr_velo_cam", "Tr"), (3, 4))
    return Rig(matrix(("P2", "P_rect_02"), (3, 4)), rectify @ to_camera)
