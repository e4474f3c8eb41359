"""Imports of many annotations: ``python -m tests.bench.speed.import_speed``.

Makes the ledger of a project with one long video of 854x480 pixels, and a COCO file of polygons of 40 corners, ten to a
frame; imports it with the real command in a process of its own, and measures seconds and the most memory that it takes.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import psutil

from al_core.project import Project
from tasks.ledger.client import open_ledger
from tests.toys.ledgers import clip, times_us

HEIGHT, WIDTH, CORNERS, PER_FRAME = 480, 854, 40, 10


@click.command()
@click.option("--annotations", "counts", type=int, multiple=True, default=(10_000, 100_000), show_default=True)
def main(counts: tuple[int, ...]) -> None:
    """Measure and print."""
    for n in counts:
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch) / "project"
            n_frames = -(-n // PER_FRAME)
            ledger = open_ledger(Project.at(root))
            video = replace(clip("long", n_frames), height=HEIGHT, width=WIDTH)
            ledger.add_video(video, times_us(n_frames))
            path = coco_file(Path(scratch) / "labels.json", n)
            seconds, most = imported(root, path)
            found = len(ledger.human_labels())
            click.echo(
                f"{n:,} annotations in {found:,} frames, {path.stat().st_size / 1e6:,.1f} MB: {seconds:.1f} s, at most "
                f"{most / 1e6:,.0f} MB of memory"
            )


def coco_file(path: Path, n: int) -> Path:
    """Write so many polygons."""
    rng = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    with path.open("w", encoding="ascii") as file:
        file.write('{"categories": [{"id": 1, "name": "object"}], "images": [')
        images = [
            {"id": i, "file_name": f"long_{i:06d}.jpg", "height": HEIGHT, "width": WIDTH}
            for i in range(-(-n // PER_FRAME))
        ]
        file.write(",\n".join(map(json.dumps, images)) + '], "annotations": [')
        for i in range(n):
            radius = rng.uniform(10, 40) * rng.uniform(0.8, 1.2, CORNERS)
            x = rng.uniform(60, WIDTH - 60) + radius * np.cos(angles)
            y = rng.uniform(60, HEIGHT - 60) + radius * np.sin(angles)
            points = np.stack([x, y], axis=1).round(2).ravel().tolist()
            entry = {"id": i, "image_id": i // PER_FRAME, "category_id": 1, "track_id": i % PER_FRAME + 1}
            file.write((",\n" if i else "") + json.dumps(entry | {"segmentation": [points]}))
        file.write("]}")
    return path


def imported(root: Path, path: Path) -> tuple[float, int]:
    """Return the seconds that the command took, and the most memory in bytes."""
    words = ["import", str(path), "--project", str(root), "--as", "labels"]
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "flows.cli.main", *words], stdout=subprocess.DEVNULL)
    watched, most = psutil.Process(process.pid), 0
    while process.poll() is None:
        try:
            most = max(most, watched.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.05)
    if process.wait():
        raise SystemExit("the import failed")
    return time.perf_counter() - started, most


if __name__ == "__main__":
    main()
