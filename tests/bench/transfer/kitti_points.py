"""Labels of points by diffusion on KITTI's frames, object by object: truth are the points inside the 3-D boxes.

No masks come with these frames, so each object's mask is what the page's box tool makes of its 2-D box. A point counts
where it falls into the 2-D box of the object.

    python -m tests.bench.transfer.kitti_points --data lidar_rgb/kitti
"""

import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from al_core.footage.images import read_image
from al_core.interactive.boxes import refine_with_box
from al_core.masks.soft import Window
from al_core.transfer.diffusion import diffuse
from al_core.transfer.rig import Rig, read_rig
from al_core.transfer.scans import read_scan
from tests.toys.lidar.raycast import nearest_pixels


@dataclass(frozen=True, eq=False)
class Boxed:
    """An object of KITTI's labels: its 2-D box (x0, y0, x1, y1), and its 3-D box in the camera's coordinates."""

    name: str
    box: tuple[float, float, float, float]
    size: NDArray[np.float64]
    bottom: NDArray[np.float64]
    turned: float

    def holds(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which points, [n, 3] in the camera's coordinates, lie inside."""
        height, width, length = self.size
        x, y, z = (points - self.bottom).T
        along = np.cos(self.turned) * x - np.sin(self.turned) * z
        across = np.sin(self.turned) * x + np.cos(self.turned) * z
        return (abs(along) <= length / 2) & (abs(across) <= width / 2) & (y <= 0) & (y >= -height)


def objects_of(path: Path) -> list[Boxed]:
    """Read KITTI's labels; regions that nobody looked at are left out."""
    found = []
    for line in path.read_text().splitlines():
        name, *numbers = line.split()
        v = np.array(numbers, np.float64)
        if name != "DontCare":
            found.append(Boxed(name, tuple(v[3:7]), v[7:10], v[10:13], float(v[13])))
    return found


def measured(data: Path, stem: str) -> list[tuple[str, int, float, float, float]]:
    """Return (object, points of it, IoU by diffusion, IoU by the nearest pixel, CPU seconds of 100,000 points)."""
    image = read_image(data / "image_2" / f"{stem}.png")
    rig: Rig = read_rig(data / "calib" / f"{stem}.txt")
    points = read_scan(data / "velodyne" / f"{stem}.bin")
    objects = objects_of(data / "label_2" / f"{stem}.txt")
    ids = np.zeros(image.shape[:2], np.int64)
    for number, this in sorted(enumerate(objects, start=1), key=lambda one: -one[1].bottom[2]):
        x0, y0, x1, y1 = (round(v) for v in this.box)
        ids[refine_with_box(image, np.zeros(image.shape[:2], np.float32), Window(x0, y0, x1, y1))] = number
    there, where = rig.seen(points, image.shape[:2])
    started = time.process_time()
    found = diffuse(points[there], where, ids).instance
    took = (time.process_time() - started) / len(there) * 1e5
    nearest = nearest_pixels(where, ids)
    in_camera = (np.c_[points[there], np.ones(len(there))] @ rig.to_camera.T)[:, :3]
    rows = []
    for number, this in enumerate(objects, start=1):
        x0, y0, x1, y1 = this.box
        near = (where[:, 0] >= x0) & (where[:, 0] <= x1) & (where[:, 1] >= y0) & (where[:, 1] <= y1)
        truth = this.holds(in_camera) & near
        values = [(labels == number) & near for labels in (found, nearest)]
        overlaps = [float((v & truth).sum() / max((v | truth).sum(), 1)) for v in values]
        rows.append((f"{stem} {this.name}", int(truth.sum()), *overlaps, took))
    return rows


@click.command()
@click.option(
    "--data", required=True, type=click.Path(path_type=Path, exists=True), help="image_2, velodyne, calib, ..."
)
def main(data: Path) -> None:
    """Print a line for each object."""
    table = Table("object", "points", "diffusion", "nearest pixel", "CPU s / 100,000 points")
    for path in sorted((data / "velodyne").glob("*.bin")):
        for name, n, by_diffusion, by_pixel, took in measured(data, path.stem):
            table.add_row(name, f"{n:,}", f"{by_diffusion:.3f}", f"{by_pixel:.3f}", f"{took:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
